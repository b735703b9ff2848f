#!/usr/bin/env python3
"""Pictures of 28 by 28, many as one PNG, and numbers to make pictures of. Nothing but Python is needed.

sheet.py OUT.png COLUMNS FILE           the pictures of a file, COLUMNS in a row
sheet.py OUT.png COLUMNS FILE FILE ...  a row of each file, to compare them
sheet.py codes COUNT WIDTH OUT.npy      normal random codes, f32[COUNT, WIDTH]

A file is an npy of f32 from 0 (paper) to 1 (ink), or IDX of bytes under gzip."""
import ast, gzip, random, struct, sys, zlib

SIDE, GAP = 28, 2


def read_npy(path):
    """The values of an npy file of f32, as bytes of ink."""
    with open(path, "rb") as file:
        if file.read(6) != b"\x93NUMPY":
            sys.exit("%s is no npy file" % path)
        long_head = file.read(2)[0] > 1
        size = struct.unpack("<I", file.read(4))[0] if long_head else struct.unpack("<H", file.read(2))[0]
        head = ast.literal_eval(file.read(size).decode())
        data = file.read()
    if head["descr"] != "<f4":
        sys.exit("%s holds %s, where f32 is drawn" % (path, head["descr"]))
    return bytes(round(255 * min(max(value, 0), 1)) for (value,) in struct.iter_unpack("<f", data))


def read_idx(path):
    """The bytes of an IDX file of pictures."""
    with gzip.open(path) as file:
        kind = file.read(16)[:4]
        if kind != b"\0\0\x08\x03":
            sys.exit("%s is no IDX file of pictures" % path)
        return file.read()


def read_pictures(path):
    ink = read_idx(path) if path.endswith(".gz") else read_npy(path)
    return [ink[at:at + SIDE * SIDE] for at in range(0, len(ink), SIDE * SIDE)]


def sheet(rows, columns):
    """Width, height and grey values of all pictures side by side, dark on light."""
    width, height = columns * (SIDE + GAP) + GAP, len(rows) * (SIDE + GAP) + GAP
    grey = bytearray(b"\xff" * (width * height))
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            for y in range(SIDE):
                at = (GAP + r * (SIDE + GAP) + y) * width + GAP + c * (SIDE + GAP)
                grey[at:at + SIDE] = bytes(255 - ink for ink in picture[y * SIDE:(y + 1) * SIDE])
    return width, height, grey


def write_png(path, width, height, grey):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = b"".join(b"\0" + grey[y * width:(y + 1) * width] for y in range(height))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))


def write_codes(count, width, path):
    random.seed(1)
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (count, width)
    head += " " * (117 - len(head)) + "\n"  # with what stands before it, 128 bytes
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head.encode())
        for _ in range(count * width):
            file.write(struct.pack("<f", random.gauss(0, 1)))


def draw(path, columns, files):
    if len(files) == 1:
        pictures = read_pictures(files[0])
        rows = [pictures[at:at + columns] for at in range(0, len(pictures), columns)]
    else:
        rows = [read_pictures(name)[:columns] for name in files]
    write_png(path, *sheet(rows, columns))


if __name__ == "__main__":
    words = sys.argv[1:]
    if len(words) == 4 and words[0] == "codes":
        write_codes(int(words[1]), int(words[2]), words[3])
    elif len(words) >= 3:
        draw(words[0], int(words[1]), words[2:])
    else:
        sys.exit(__doc__)
