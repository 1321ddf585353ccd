# TEMPORARY stand-in
from dataclasses import dataclass, replace, field
from pathlib import Path
import json, struct
from modules.base.errors import UnknownName
@dataclass(frozen=True)
class Checkpoint:
    path: Path; name: str; model_name: str; title: str; sha256: str=None; shorthash: str=''; config: Path=None; metadata: dict=field(default_factory=dict); sidecar: dict=field(default_factory=dict); problem: str=None
class Catalog:
    def __init__(self, roots, hashes): self.roots, self.hashes, self.items = roots, hashes, []; self.refresh()
    def refresh(self):
        self.items=[]
        for r in self.roots:
            for p in sorted(Path(r).rglob('*.safetensors')):
                f=open(p,'rb'); n=struct.unpack('<Q',f.read(8))[0]; meta=json.loads(f.read(n)).get('__metadata__',{})
                side=json.loads(p.with_suffix('.json').read_text()) if p.with_suffix('.json').exists() else {}
                s=self.hashes.sha256(p); y=p.with_suffix('.yaml')
                self.items.append(Checkpoint(p,p.name,p.stem,f'{p.name} [{s[:10]}]',s,s[:10],y if y.exists() else None,meta,side))
    def list(self): return self.items
    def default(self): return self.items[0] if self.items else None
    def hashed(self,c): return c
    def find(self,n):
        for c in self.items:
            if n in (c.title,c.name,c.model_name,c.sha256,c.shorthash): return c
        raise UnknownName('checkpoint', n, [c.title for c in self.items])
