"""Training of a VAE's decoder: losses and gradients of pictures drawn from their latents."""

from __future__ import annotations

import torch
from torch import Tensor

from modules.models.learning import add_gradients, computed_in
from modules.models.vae.vae import Vae
from modules.training.decoder import (
    CRITIC,
    LAST_LAYER,
    DecoderStudent,
    balanced,
    hinge_loss,
    patch_verdicts,
    reconstruction_losses,
)
from modules.training.questions import Learn
from modules.training.student import VAE_PART, TrainableModel


def learn_decoding(vae: Vae, ask: Learn) -> list[float]:
    """Return the loss of each example's picture, and add the gradients to the decoder's tensors."""
    student = ask.student
    assert isinstance(student, DecoderStudent)
    device = next(vae.module.parameters()).device
    latents = torch.stack([vae.latent.to_vae(example.latent.float()) for example in ask.examples]).to(device)
    wanted = torch.stack([example.pixels for example in ask.examples if example.pixels is not None]).to(device)
    vae.module.use_tiling = False
    with (
        torch.set_grad_enabled(not ask.measures),
        student.attached(TrainableModel({}, vae=vae.module), ()),
        computed_in(ask.rules.precision, device),
    ):
        drawn = vae.module.decode(latents, return_dict=False)[0].float()
    losses = reconstruction_losses(drawn, wanted)
    if not ask.measures:
        weights = losses.new_tensor([example.weight for example in ask.examples])
        improve_decoder(student, ask, (losses * weights).sum() * ask.share, drawn, wanted)
    return [float(loss) for loss in losses.detach()]


def improve_decoder(student: DecoderStudent, ask: Learn, loss: Tensor, drawn: Tensor, wanted: Tensor) -> None:
    """Add the gradients of the decoder, and of the discriminator where it takes part."""
    decoder, critic = student.of_part(VAE_PART), student.of_part(CRITIC)
    if not student.judged(ask.examples[0].place.step):
        add_gradients(list(decoder.values()), loss, 1.0)
        return
    share = ask.share * len(ask.examples)
    fooled = -patch_verdicts({name: tensor.detach() for name, tensor in critic.items()}, drawn).mean() * share
    factor = balanced(loss, fooled, decoder[LAST_LAYER]) * student.critic.weight
    judging = hinge_loss(critic, drawn, wanted) * share
    add_gradients(list(decoder.values()), loss + factor * fooled, 1.0)
    add_gradients(list(critic.values()), judging, 1.0)
