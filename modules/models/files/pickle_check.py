"""A check of pickled models: their opcodes are followed without being executed.

torch's `weights_only` reader runs nothing that a file brings. But a file may ask the reader itself for so much that
the server stops: memory by the gigabyte, or tuples within tuples as a key, whose hash takes for ever or overflows C's
stack. Here a stream's opcodes are followed with sizes in place of values. Opcodes: CPython's Lib/pickletools.py.
"""

from __future__ import annotations

import pickletools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from modules.base.errors import ModelCorrupt, ModelUnsafe
from modules.library.safetensors_header import DOWNLOAD_AGAIN

MOST_OPCODES = 300_000           # a tensor takes about 25, an SDXL checkpoint 65,000
MOST_PICKLE_VALUES = 10_000_000         # in one value, each as often as it is reached; characters count too
DEEPEST = 100                    # nested containers
LONGEST_ENCODED = 1000           # characters of a text that is made bytes: those of one number in known files
CONVERT = "Ask for a safetensors version, or convert it on a machine you do not mind losing."

IGNORED_TYPES = (  # types in training files beside their weights
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
)
CALLED = frozenset(
    (
        *IGNORED_TYPES,
        "collections.OrderedDict",
        "_codecs.encode",
        "__builtin__.set",
        "builtins.set",
        "torch.Size",
        *(
            f"torch._utils._rebuild_{made}"
            for made in ("tensor", "tensor_v2", "tensor_v3", "parameter", "sparse_tensor", "qtensor")
        ),
        "torch.device",
        "torch.serialization._get_layout",
        "torch.nn.parameter.Parameter",
        "torch.nn.modules.container.ParameterDict",
    )
)
PUTS, GETS = {"BINPUT", "LONG_BINPUT", "PUT"}, {"BINGET", "LONG_BINGET", "GET"}
CALLS = {"REDUCE", "NEWOBJ"}
OTHER_CALLS = {"INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID"}      # tensors are written without them


@dataclass(frozen=True, slots=True)
class Item:
    """A value on the machine's stack.

    text: its text if it is one; of a class or function, its full name
    """

    size: int = 1
    depth: int = 0
    text: str = ""


def check_stream(name: str, file: BinaryIO, pickles: int = 1, also: frozenset[str] = frozenset()) -> None:
    """Follow the pickles that begin at `file`'s position. Raises ModelCorrupt or ModelUnsafe.

    name: for messages; also: full names of classes that may be asked for, since others stand in for them
    """
    opcodes = 0
    for _ in range(pickles):
        machine = Machine(name, CALLED | also)
        try:
            for opcode, argument, _ in pickletools.genops(file):
                opcodes += 1
                if opcodes > MOST_OPCODES:
                    raise ModelCorrupt(f"{name}: its object stream is longer than any model's.", DOWNLOAD_AGAIN)
                machine.do(opcode, argument)
        except (ValueError, LookupError) as error:
            raise ModelCorrupt(
                f"{name} is damaged or was cut off: its object stream breaks off.", DOWNLOAD_AGAIN
            ) from error


class Machine:
    """A pickle machine with items in place of values; None is a mark."""

    def __init__(self, name: str, called: frozenset[str] = CALLED) -> None:
        self.name, self.called = name, called
        self.stack: list[Item | None] = []
        self.memo: dict[int, Item] = {}

    def do(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        """Execute an opcode. Raises ModelCorrupt or ModelUnsafe; LookupError for a missing operand."""
        code = opcode.name
        if code == "MARK":
            self.stack.append(None)
        elif code in PUTS:
            self.memo[argument] = self.top()
        elif code == "MEMOIZE":
            self.memo[len(self.memo)] = self.top()
        elif code in GETS:
            self.stack.append(self.memo[argument])
        elif not opcode.stack_before and not isinstance(argument, str | bytes):
            self.stack += [Item()] * len(opcode.stack_after)
        else:
            taken = self.take(opcode.stack_before)
            self.check_call(code, argument, taken)
            self.stack += [self.made(code, argument, taken)] * len(opcode.stack_after)

    def top(self) -> Item:
        if not self.stack or self.stack[-1] is None:
            raise LookupError("no value")
        return self.stack[-1]

    def pop(self) -> Item:
        item = self.top()
        self.stack.pop()
        return item

    def take(self, before: Sequence[pickletools.StackObject]) -> list[Item]:
        """Take the operands, the first one first."""
        taken = []
        if pickletools.markobject in before:
            while self.stack and self.stack[-1] is not None:
                taken.append(self.pop())
            if not self.stack:
                raise LookupError("no mark")
            self.stack.pop()
            before = before[: before.index(pickletools.markobject)]
        taken += [self.pop() for _ in before]
        return taken[::-1]

    def made(self, code: str, argument: Any, taken: Sequence[Item]) -> Item:
        if code == "GLOBAL":
            return Item(text=argument.replace(" ", "."))
        if code == "STACK_GLOBAL":
            return Item(text=".".join(item.text for item in taken))
        if isinstance(argument, str | bytes):
            return Item(1 + len(argument), text=argument[:LONGEST_ENCODED] if isinstance(argument, str) else "")
        item = Item(1 + sum(each.size for each in taken), 1 + max((each.depth for each in taken), default=-1))
        if item.size > MOST_PICKLE_VALUES or item.depth > DEEPEST:
            raise ModelCorrupt(f"{self.name}: its object stream is nested beyond measure.", DOWNLOAD_AGAIN)
        return item

    def check_call(self, code: str, argument: Any, taken: Sequence[Item]) -> None:
        if code in OTHER_CALLS:
            asked = argument.replace(" ", ".") if code == "INST" else next((item.text for item in taken), "")
        elif code in CALLS:
            asked, size = taken[0].text, taken[1].size
            if asked in self.called and (asked != "_codecs.encode" or size <= LONGEST_ENCODED):
                return
        else:
            return
        asked = asked[:80] if asked.isprintable() and asked else "an object that is not a tensor"
        raise ModelUnsafe(f"{self.name} asks to run code: {asked}. It was not opened.", CONVERT)
