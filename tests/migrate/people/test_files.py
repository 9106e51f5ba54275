"""Users and groups from CSV files: what is read, and what is refused with its line."""

import pytest

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.people import (
    DescribedGroup,
    DescribedUser,
    read_groups_csv,
    read_users_csv,
)

USERS = """\
username,email,first_name,last_name,role,locked,external_id
ada,ada@example.com,Ada,"Lovelace, Countess",publisher,,
=bob , ,,,viewer,TRUE,id-1

eve,,"two
lines",,,no,
"""


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
async def test_users(tmp_path, mark, end):
    """Fields can be quoted, empty ones are not described, and a formula is plain text."""
    path = tmp_path / "people.csv"
    path.write_bytes(mark + USERS.replace("\n", end).encode())
    assert await read_users_csv(path) == [
        DescribedUser(
            username="ada",
            email="ada@example.com",
            first_name="Ada",
            last_name="Lovelace, Countess",
            role="publisher",
        ),
        DescribedUser(username="=bob", role="viewer", locked=True, external_id="id-1"),
        DescribedUser(username="eve", first_name=f"two{end}lines", locked=False),
    ]


async def test_semicolons(tmp_path):
    """Semicolons separate fields where spreadsheets write them."""
    path = tmp_path / "people.csv"
    path.write_text("username;role\nada;viewer\n")
    assert await read_users_csv(path) == [DescribedUser(username="ada", role="viewer")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["line 1: there is no column 'username'"]),
        ("username,e_mail\n", ["line 1: there is no column 'e_mail'; did you mean 'email'?"]),
        ("username,shoe size\n", ["line 1: there is no column 'shoe size'; the columns are user"]),
        ("username,role,role\n", ["line 1: there is more than one column 'role'"]),
        ("username,password\nada,x\n", ["line 1: the column 'password' is refused, because"]),
        ("username,Initial_Password\n", ["line 1: the column 'initial_password' is refused"]),
        ("username,role\nada,admin\n", ["line 2: there is no role 'admin'; did you mean 'admini"]),
        ("username,role\nada,king\n", ["line 2: there is no role 'king'; the roles are admin"]),
        ("username,locked\nada,maybe\n", ["line 2: locked is 'maybe', and must be true or false"]),
        ("username,role\n,viewer\n", ["line 2: the username is missing"]),
        ("username\nada\nbob\nada\n", ["line 4: the user 'ada' is in line 2 already"]),
        ("username,role\nada\n", ["line 2: it has 1 field, and the first line 2"]),
        (
            'username,role\n"a\nb",viewer\nada,x\nbob,y\n',
            ["line 4: there is no role 'x'", "line 5: there is no role 'y'"],
        ),
        ('username\n"ada\n', ["line 2: unexpected end of data"]),
        ("username,role\n" + "ada,x\n" * 30, ["and 39 more errors"]),
    ],
    ids=lambda value: value[0][:40] if isinstance(value, list) else "",
)
async def test_errors_of_users(tmp_path, text, words):
    """Each error is named with its line."""
    path = tmp_path / "people.csv"
    path.write_text(text)
    with pytest.raises(InvalidArgumentError) as raised:
        await read_users_csv(path)
    for word in words:
        assert word in str(raised.value)


async def test_unreadable(tmp_path):
    """A file that is missing, or not UTF-8, is refused with the reason."""
    with pytest.raises(InvalidArgumentError, match=r"cannot read .*: No such file"):
        await read_users_csv(tmp_path / "missing.csv")
    path = tmp_path / "people.csv"
    path.write_bytes("username\nada\n".encode("utf-16"))
    with pytest.raises(InvalidArgumentError, match="it is UTF-16 text; save it as UTF-8"):
        await read_users_csv(path)


async def test_groups(tmp_path):
    """A group has a row for each member; one without members has an empty one."""
    path = tmp_path / "groups.csv"
    path.write_text("group,member,owner\nb,ada,eve\nb,bob,\na,,\n")
    assert await read_groups_csv(path, usernames={"ada", "bob", "eve"}) == [
        DescribedGroup(name="b", owner="eve", members=frozenset({"ada", "bob"})),
        DescribedGroup(name="a", members=frozenset()),
    ]
    path.write_text("group,owner\nb,eve\n")
    assert await read_groups_csv(path) == [DescribedGroup(name="b", owner="eve")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("group,member\nb,adda\n", "line 2: there is no user 'adda'; did you mean 'ada'?"),
        ("group,owner\nb,zoe\n", "line 2: there is no user 'zoe'"),
        ("group,member\n,ada\n", "line 2: the name of the group is missing"),
        ("group,member\nb,ada\nb,ada\n", "line 3: the member 'ada' of 'b' is in line 2 already"),
        ("group,owner\nb,ada\nb,eve\n", "line 3: the owner of 'b' is 'ada' in a line before"),
        ("group,members\nb,ada\n", "line 1: there is no column 'members'; did you mean 'member'?"),
    ],
    ids=["member", "owner", "name", "twice", "owners", "column"],
)
async def test_errors_of_groups(tmp_path, text, words):
    """Each error is named with its line, also members who are no users."""
    path = tmp_path / "groups.csv"
    path.write_text(text)
    with pytest.raises(InvalidArgumentError) as raised:
        await read_groups_csv(path, usernames=["ada", "eve"])
    assert words in str(raised.value)
