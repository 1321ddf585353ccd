import hashlib
class HashCache:
    def __init__(self, database): self.known={}
    def sha256(self, path):
        if path not in self.known: self.known[path]=hashlib.sha256(path.read_bytes()).hexdigest()
        return self.known[path]
