# TEMPORARY stand-in
from dataclasses import dataclass
import json, torch, numpy as np
from safetensors.torch import load_file
from diffusers import UNet2DConditionModel, AutoencoderKL
from transformers import CLIPTextModel, CLIPTextConfig
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
@dataclass
class LoadedModel:
    unet: object; vae: object; text_encoder: object; family: str; prediction_type: str; scaling_factor: float; alphas_cumprod: object; native_size: int; checkpoint: object
    def to(self, device, unet, vae, text):
        self.unet.to(device,unet).eval(); self.vae.to(device,vae).eval(); self.text_encoder.to(device,text).eval()
def load(c):
    sd=load_file(c.path)
    cfg=json.loads(c.metadata['config']) if 'config' in c.metadata else dict(
      unet=dict(sample_size=16,in_channels=4,out_channels=4,block_out_channels=[32,32,64,64],layers_per_block=2,cross_attention_dim=64,attention_head_dim=8),
      vae=dict(in_channels=3,out_channels=3,block_out_channels=[32,32,64,64],layers_per_block=1,latent_channels=4,norm_num_groups=32,down_block_types=["DownEncoderBlock2D"]*4,up_block_types=["UpDecoderBlock2D"]*4),
      text_encoder=dict(vocab_size=49408,hidden_size=64,intermediate_size=256,num_hidden_layers=4,num_attention_heads=1,max_position_embeddings=77,hidden_act='quick_gelu',projection_dim=64),prediction_type='epsilon',native_size=64)
    unet=UNet2DConditionModel(**cfg['unet']); vae=AutoencoderKL(**cfg['vae'])
    u=convert_ldm_unet_checkpoint(dict(sd),dict(cfg['unet'],layers_per_block=cfg['unet']['layers_per_block']))
    unet.load_state_dict(u)
    v=convert_ldm_vae_checkpoint(dict(sd),dict(cfg['vae'],down_block_types=cfg['vae']['down_block_types'],up_block_types=cfg['vae']['up_block_types']))
    vae.load_state_dict(v)
    te=CLIPTextModel(CLIPTextConfig(**cfg['text_encoder']))
    t={k.removeprefix('cond_stage_model.transformer.text_model.'):x for k,x in sd.items() if k.startswith('cond_stage_model.transformer.') and 'position_ids' not in k}
    te.load_state_dict(t)
    b=np.linspace(0.00085**.5,0.012**.5,1000)**2
    return LoadedModel(unet,vae,te,'sd1',cfg.get('prediction_type','epsilon'),cfg['vae'].get('scaling_factor',0.18215),np.cumprod(1-b).astype(np.float32),cfg['native_size'],c)
