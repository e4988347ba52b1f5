#!/usr/bin/env python3
"""Reads encrypted bundles; written from docs/bundle-format.md alone, so that the text is known to be enough.

    read_bundle.py DIGEST KEYFILE BUNDLE                  lists names, lengths and SHA-256 of all files, as JSON
    read_bundle.py DIGEST KEYFILE BUNDLE --extract DIR    writes them below DIR, which must not exist
    read_bundle.py DIGEST KEYFILE BUNDLE --file NAME --range START:END
                                                          writes these bytes to standard output

DIGEST is 64 hexadecimal digits, KEYFILE holds 32 bytes. What is not as the format says ends the program with status 1 and
the error's code on standard error. Section numbers below are those of the document.
"""

import argparse
import hashlib
import json
import os
import struct
import sys
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = bytes.fromhex("895352420d0a1a0a")
END_MAGIC = bytes.fromhex("895352450d0a1a0a")
HEADER, FOOTER, LEAF, TAG = 512, 32, 32, 16
CONTENT, TABLE = 1, 2
TABLE_MAX, CHUNKS_MAX, FILES_MAX = 64 << 20, 4 << 20, 262144


class Refused(Exception):
    """The bundle is not what it should be."""

    def __init__(self, code, why):
        super().__init__(f"{code}: {why}")


# 1. Conventions


def enc(label, *fields):
    out = b""
    for field in (label.encode("ascii"), *fields):
        data = struct.pack(">Q", field) if isinstance(field, int) else field
        out += struct.pack(">I", len(data)) + data
    return out


def sha256(data):
    return hashlib.sha256(data).digest()


def hkdf(ikm, salt, info, length):
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(ikm)


def u32(data, at):
    return struct.unpack_from(">I", data, at)[0]


def u64(data, at):
    return struct.unpack_from(">Q", data, at)[0]


class Bundle:
    """An open bundle: its digest was compared and its key unwrapped."""

    def __init__(self, path, digest, model_key):
        self.file = open(path, "rb")
        self.size = os.fstat(self.file.fileno()).st_size
        self._header()
        self._footer()
        self._digest(digest)
        self._data_key(model_key)
        self._table()

    def at(self, start, length):
        self.file.seek(start)
        data = self.file.read(length)
        if len(data) != length:
            raise Refused("bundle.truncated", "the file ended early")
        return data

    # 3. The header

    def _header(self):
        head = self.at(0, min(HEADER, self.size))
        if head[:8] != MAGIC:
            if head and MAGIC.startswith(head):
                raise Refused("bundle.truncated", "only a part of the magic is there")
            raise Refused("bundle.not_a_bundle", "the magic is not there")
        if len(head) < 12:
            raise Refused("bundle.truncated", "the version is not there")
        if u32(head, 8) != 1:
            raise Refused("bundle.version", f"layout {u32(head, 8)} is not layout 1")
        if len(head) < HEADER:
            raise Refused("bundle.truncated", "the header is not whole")
        self.chunk = u32(head, 16)
        if u32(head, 12) != 1:
            raise Refused("bundle.malformed", "unknown cipher suite")
        if not 4096 <= self.chunk <= 16 << 20 or self.chunk & (self.chunk - 1):
            raise Refused("bundle.malformed", "chunk size")
        if any(head[20:24]) or any(head[88:96]) or any(head[416:512]):
            raise Refused("bundle.malformed", "bytes that should be zero are not")
        self.salt, self.key_commitment = head[24:56], head[56:88]
        self.slots = []
        for slot in (head[96:256], head[256:416]):
            if not any(slot):
                continue
            if u32(slot, 0) != 1 or any(slot[132:]):
                raise Refused("bundle.malformed", "a key slot is of no known kind")
            self.slots.append((slot[4:20], slot[20:52], slot[52:84], slot[84:132]))

    # 2. The parts

    def _footer(self):
        if self.size < HEADER + FOOTER:
            raise Refused("bundle.truncated", "there is no room for a footer")
        footer = self.at(self.size - FOOTER, FOOTER)
        if footer[24:] != END_MAGIC:
            raise Refused("bundle.truncated", "the end magic is not there")
        self.length = {CONTENT: u64(footer, 0), TABLE: u64(footer, 8)}
        if self.length[TABLE] > TABLE_MAX:
            raise Refused("bundle.too_large", "file table")
        if self.length[TABLE] < 1:
            raise Refused("bundle.malformed", "file table")
        self.chunks = {section: -(-length // self.chunk) for section, length in self.length.items()}
        total = sum(self.chunks.values())
        if total > CHUNKS_MAX:
            raise Refused("bundle.too_large", "chunks")
        if total != u64(footer, 16):
            raise Refused("bundle.malformed", "number of chunks")
        self.start = {CONTENT: HEADER, TABLE: HEADER + self.length[CONTENT] + TAG * self.chunks[CONTENT]}
        self.leaves_at = self.start[TABLE] + self.length[TABLE] + TAG * self.chunks[TABLE]
        if self.leaves_at + LEAF * total + FOOTER != self.size:
            raise Refused("bundle.length", "the file has another length than its footer says")

    # 6. The tree, 7. The digest

    def _digest(self, wanted):
        data = self.at(self.leaves_at, LEAF * sum(self.chunks.values()))
        self.leaves = [data[at : at + LEAF] for at in range(0, len(data), LEAF)]
        level = self.leaves
        while len(level) > 1:
            above = []
            for at in range(0, len(level) - 1, 2):
                above.append(sha256(enc("strongroom/v1/bundle/node", level[at], level[at + 1])))
            if len(level) % 2:
                above.append(level[-1])
            level = above
        found = sha256(
            enc(
                "strongroom/v1/bundle/digest",
                1,
                1,
                self.chunk,
                self.salt,
                self.length[CONTENT],
                self.length[TABLE],
                level[0],
                self.key_commitment,
            )
        )
        if found != wanted:
            raise Refused("bundle.digest_mismatch", f"found {found.hex()}")

    # 4. Keys

    def _data_key(self, model_key):
        key_id = hkdf(model_key, b"", b"strongroom/v1/model-key-id", 16)
        mine = [slot for slot in self.slots if slot[0] == key_id]
        if not mine:
            raise Refused("bundle.wrong_key", f"no slot is for key {key_id.hex()}")
        for _, salt, commitment, wrapped in mine:
            info = enc("strongroom/v1/bundle/wrap-key", self.salt, self.key_commitment)
            okm = hkdf(model_key, salt, info, 64)
            if okm[32:] != commitment:
                continue
            try:
                data_key = AESGCM(okm[:32]).decrypt(bytes(12), wrapped, enc("strongroom/v1/bundle/wrap", key_id))
            except InvalidTag:
                continue
            info = enc("strongroom/v1/bundle/key-commitment")
            if hkdf(data_key, self.salt, info, 32) == self.key_commitment:
                self.keys = {
                    section: AESGCM(hkdf(data_key, self.salt, enc("strongroom/v1/bundle/section-key", section), 32))
                    for section in (CONTENT, TABLE)
                }
                return
        raise Refused("bundle.wrap_corrupt", "the wrapped key was changed")

    # 5. Chunks

    def chunk_plain(self, section, index):
        length = min(self.chunk, self.length[section] - index * self.chunk)
        stored = self.at(self.start[section] + index * (self.chunk + TAG), length + TAG)
        leaf = self.leaves[index if section == CONTENT else self.chunks[CONTENT] + index]
        if sha256(enc("strongroom/v1/bundle/leaf", section, index) + stored) != leaf:
            raise Refused("bundle.chunk_corrupt", f"chunk {index} of section {section}")
        nonce = bytes(4) + struct.pack(">Q", index)
        try:
            return self.keys[section].decrypt(nonce, stored, enc("strongroom/v1/bundle/chunk", section, index))
        except InvalidTag:
            raise Refused("bundle.chunk_corrupt", f"chunk {index} of section {section}") from None

    # 8. What is in the sections

    def _table(self):
        table = b"".join(self.chunk_plain(TABLE, index) for index in range(self.chunks[TABLE]))
        try:
            count, at = u32(table, 0), 4
            if count > FILES_MAX:
                raise Refused("bundle.too_large", "files")
            self.files, offset = {}, 0
            names = []
            for _ in range(count):
                (name_length,) = struct.unpack_from(">H", table, at)
                name = table[at + 2 : at + 2 + name_length]
                length = u64(table, at + 2 + name_length)
                at += 2 + name_length + 8
                names.append(name)
                self.files[name.decode("utf-8")] = (offset, length)
                offset += length
        except (struct.error, UnicodeDecodeError):
            raise Refused("bundle.table", "it ends within an entry, or a name is not UTF-8") from None
        if offset > self.length[CONTENT] or padme(offset) != self.length[CONTENT] or any(table[at:]):
            raise Refused("bundle.table", "lengths or padding")
        for name in self.files:
            check_name(name)
        if len(set(names)) != len(names):
            raise Refused("bundle.name", "a name stands there twice")
        if names != sorted(names):
            raise Refused("bundle.table", "names are not in order")
        for name in self.files:
            parts = name.split("/")
            if any("/".join(parts[:end]) in self.files for end in range(1, len(parts))):
                raise Refused("bundle.name", f"the folder of {name!r} is a file as well")

    def read(self, name, start, end):
        """Yields bytes start to end of a file, chunk by chunk."""
        if name not in self.files:
            raise Refused("bundle.no_such_file", name)
        offset, length = self.files[name]
        if not 0 <= start <= end <= length:
            raise Refused("bundle.range", f"{start}:{end} of {length}")
        at, stop = offset + start, offset + end
        while at < stop:
            index, skip = divmod(at, self.chunk)
            piece = self.chunk_plain(CONTENT, index)[skip : skip + stop - at]
            yield piece
            at += len(piece)


def padme(length):
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    kept = (exponent.bit_length() - 1) + 1
    mask = (1 << max(exponent - kept, 0)) - 1
    return (length + mask) & ~mask


def check_name(name):
    parts = name.split("/")
    good = (
        1 <= len(name.encode("utf-8")) <= 1024
        and all(1 <= len(part.encode("utf-8")) <= 255 and part not in (".", "..") for part in parts)
        and not any(unicodedata.category(char) == "Cc" or char == "\\" for char in name)
        and (parts[0] != ".strongroom" or name == ".strongroom/reference.json")
    )
    if not good:
        raise Refused("bundle.name", repr(name))


def main():
    parser = argparse.ArgumentParser(description="Reads an encrypted bundle.")
    parser.add_argument("digest")
    parser.add_argument("keyfile")
    parser.add_argument("bundle")
    parser.add_argument("--extract", metavar="DIR")
    parser.add_argument("--file", metavar="NAME")
    parser.add_argument("--range", metavar="START:END")
    arguments = parser.parse_args()

    with open(arguments.keyfile, "rb") as keyfile:
        key = keyfile.read()
    if len(key) != 32:
        parser.error("the key file does not hold 32 bytes")
    digest = bytes.fromhex(arguments.digest)
    try:
        bundle = Bundle(arguments.bundle, digest, key)
        if arguments.file is not None:
            start, end = (int(number) for number in arguments.range.split(":"))
            for piece in bundle.read(arguments.file, start, end):
                sys.stdout.buffer.write(piece)
            return 0
        listed = []
        if arguments.extract is not None:
            os.mkdir(arguments.extract, 0o700)
        for name, (_, length) in bundle.files.items():
            hasher = hashlib.sha256()
            out = None
            if arguments.extract is not None:
                path = os.path.join(arguments.extract, *name.split("/"))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                out = open(path, "xb")
            for piece in bundle.read(name, 0, length):
                hasher.update(piece)
                if out is not None:
                    out.write(piece)
            if out is not None:
                out.close()
            listed.append({"name": name, "length": length, "sha256": hasher.hexdigest()})
        json.dump(listed, sys.stdout, ensure_ascii=True, indent=1)
        print()
        return 0
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
