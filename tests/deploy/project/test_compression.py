"""A stream of parts that are compressed or stored is ordinary gzip."""

import gzip
import io
import random
import subprocess
import zlib

from hypothesis import given, strategies as st

from aconnect.deploy.project.compression import GzipWriter


def written(members):
    file = io.BytesIO()
    writer = GzipWriter(file)
    for chunks in members:
        writer.begin_member()
        for chunk in chunks:
            assert writer.write(chunk) == len(chunk)
    assert writer.tell() == sum(len(chunk) for chunks in members for chunk in chunks)
    writer.close()
    return file.getvalue()


def chunk(kind, size):
    return random.Random(size).randbytes(size) if kind == "noise" else b"text " * (size // 5)


_CHUNKS = st.builds(
    chunk,
    st.sampled_from(["noise", "text"]),
    st.one_of(st.integers(0, 600), st.sampled_from([16_383, 16_384, 65_535, 65_536, 200_000])),
)


@given(st.lists(st.lists(_CHUNKS, max_size=4), max_size=5))
def test_any_parts(members):
    """Whatever the parts are, reading the stream gives the same bytes, and nothing is left over."""
    data = b"".join(chunk for chunks in members for chunk in chunks)
    stream = written(members)
    decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    assert decompressor.decompress(stream) == data
    assert decompressor.eof
    assert decompressor.unused_data == b""
    assert stream == written(members)


def test_other_programs():
    """The program gzip reads the stream, whose header says nothing about this machine."""
    members = [[chunk("text", 50_000)], [chunk("noise", 300_000), b"end"], [b"small"]]
    stream = written(members)
    done = subprocess.run(["gzip", "-dc"], input=stream, capture_output=True, check=True)  # noqa: S607
    data = b"".join(chunk for chunks in members for chunk in chunks)
    assert done.stdout == gzip.decompress(stream) == data
    assert stream[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def test_what_cannot_be_compressed_is_stored():
    """Noise gets no larger than its blocks require; text beside it is compressed."""
    noise, text = chunk("noise", 1_000_000), chunk("text", 1_000_000)
    assert len(written([[noise]])) < 1_000_200
    assert len(written([[text]])) < 20_000
    assert len(written([[noise], [text], [noise], [text]])) < 2_040_000
