"""The files of a bundle are what a developer means, without secrets, and nothing from outside."""

import os
import shutil
import socket
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from aconnect.deploy.project.files import Selection, select
from aconnect.deploy.project.guard import secret_by_name
from aconnect.errors import InvalidArgumentError


def tree(folder: Path, *names: str, **texts: str) -> Path:
    """Create files, and those whose names are written with `__` for `.` and a text."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            (folder / name).write_text("x")
        else:
            (folder / name).mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def names(selection: Selection) -> list[str]:
    return [file.name for file in selection.files]


def reasons(selection: Selection) -> dict[str, str]:
    return {excluded.name: excluded.reason for excluded in selection.excluded}


def test_order(tmp_path):
    """Files are in the order of their names, with their paths and sizes."""
    tree(tmp_path, "b/z", "b.txt", "a/b/c")
    (tmp_path / "b.txt").write_text("four")
    selection = select(tmp_path)
    assert names(selection) == ["a/b/c", "b.txt", "b/z"]
    assert selection.size == 6
    assert [file.path for file in selection.files] == [
        tmp_path.resolve() / name for name in names(selection)
    ]


def test_ignore_files(tmp_path):
    """Ignore files apply below their folder; the last rule that matches decides, and is named."""
    tree(tmp_path, "a.log", "keep.log", "sub/a.log", "sub/b.csv", "other/b.csv", "out/x", "sub/out")
    tree(tmp_path, __gitignore="*.log\n!keep.log\n/out/\n")
    tree(tmp_path / "sub", __gitignore="*.csv\n!a.log\n")
    selection = select(tmp_path)
    assert names(selection) == ["keep.log", "other/b.csv", "sub/a.log", "sub/out"]
    assert reasons(selection) == {
        ".gitignore": "ignore file",
        "a.log": ".gitignore: *.log",
        "out/": ".gitignore: /out/",
        "sub/.gitignore": "ignore file",
        "sub/b.csv": "sub/.gitignore: *.csv",
    }


def test_three_ignore_files(tmp_path):
    """`.positignore` and `.rscignore` have the same syntax, and may bring back what Git ignores."""
    tree(tmp_path, "a.csv", "b.csv", "notes.txt", "model.bin", "app.py")
    tree(tmp_path, __gitignore="*.csv\nmodel.bin\n", __positignore="!a.csv\n")
    tree(tmp_path, __rscignore="notes.txt\n!model.bin")
    assert names(select(tmp_path)) == ["a.csv", "app.py", "model.bin"]


def test_repository_above(tmp_path):
    """The rules of folders above apply, up to that of the repository; it may be ignored itself."""
    tree(tmp_path, ".git/HEAD", "apps/one/a.log", "apps/one/a.tmp", "apps/one/b", "apps/one/_site")
    tree(tmp_path, __gitignore="*.log\napps/one/_site\napps/one/\n")
    tree(tmp_path / "apps", __gitignore="*.tmp\n")
    selection = select(tmp_path / "apps" / "one")
    assert names(selection) == ["b"]
    assert reasons(selection)["a.tmp"] == "../.gitignore: *.tmp"
    assert reasons(selection)["a.log"] == "../../.gitignore: *.log"
    (tmp_path / ".git" / "HEAD").unlink()
    (tmp_path / ".git").rmdir()
    assert names(select(tmp_path / "apps" / "one")) == ["_site", "a.log", "a.tmp", "b"]


_PARTS = ("a", "b", "*", "a*", "*.b", "x.b", "**", "?", "[ab]", "[!a]", r"\a", "*b*", "d", "c", "q")
_patterns = st.builds(
    lambda negated, anchor, parts, end: negated + anchor + "/".join(parts) + end,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(st.sampled_from(_PARTS), min_size=1, max_size=3),
    st.sampled_from(["", "", "/", " ", "/ ", "\r"]),
)
_lines = st.lists(_patterns | st.sampled_from(["# a", "", "/", "!", "a\\", "[z-a]", "[", "#"]))
_folders = ("", "a/", "b/", "a/a/", "a/b/", "a/b/b/", "d/x.b/")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", folder], check=True)  # noqa: S603, S607
    for inner in _folders:
        (folder / inner).mkdir(parents=True, exist_ok=True)
        for name in ("c", "ab", "x.b", "q"):
            tree(folder, f"{inner}{name}")
    return folder


@given(
    rules=st.dictionaries(st.sampled_from(_folders), _lines, max_size=3),
)
@settings(max_examples=150)
def test_as_git_does(repository, rules):
    """What ignore files leave out is exactly what Git ignores."""
    for folder in _folders:
        (repository / folder / ".gitignore").unlink(missing_ok=True)
    for folder, lines in rules.items():
        (repository / folder / ".gitignore").write_bytes("\n".join(lines).encode())
    command = ["git", "ls-files", "--others", "--exclude-per-directory=.gitignore"]
    listed = subprocess.run(  # noqa: S603
        command, cwd=repository, check=True, capture_output=True, text=True
    )
    expected = [name for name in listed.stdout.split() if not name.endswith(".gitignore")]
    try:
        found = names(select(repository))
    except InvalidArgumentError:  # everything is ignored
        found = []
    assert found == sorted(expected)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[[:alpha:]]1", ["[x", "11"]),
        ("[^[:digit:]]1", ["[x", "11"]),
        ("[[]x", ["11", "a1"]),
        ("[[a]1", ["11", "[x", "a1"]),
    ],
)
def test_classes_of_characters(tmp_path, pattern, expected):
    """Git's classes are understood; what Python warns of matches nothing instead."""
    tree(tmp_path, "a1", "11", "[x", __gitignore=f"{pattern}\n")
    assert sorted(names(select(tmp_path))) == sorted(expected)


def test_encodings_of_ignore_files(tmp_path):
    """A mark and line ends of Windows do no harm; UTF-16, which Git ignores, is refused."""
    tree(tmp_path, "a", "b", "ä")
    (tmp_path / ".gitignore").write_bytes("\ufeffa\r\nä\r\n".encode())
    assert names(select(tmp_path)) == ["b"]
    (tmp_path / ".gitignore").write_text("a\n", encoding="utf-16")
    with pytest.raises(InvalidArgumentError, match=r"\.gitignore is not UTF-8 text"):
        select(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *(".git/config", ".hg/x", ".svn/x", "sub/.git", "rsconnect/a.dcf", ".posit/publish/a.toml"),
        *("sub/rsconnect-python/x", "__pycache__/a.pyc", "a.pyc", "sub/.DS_Store", "Thumbs.db"),
        *(".Rproj.user/x", ".Rhistory", "renv/library/x", "renv/staging/x", "sub/packrat/lib-R/x"),
        *("node_modules/x", ".mypy_cache/x", ".ipynb_checkpoints/x", ".quarto/x", ".gitignore"),
        *("__pypackages__/3.11/lib/x", ".pixi/x", ".terraform/x", ".eggs/x", ".jupyter_cache/x"),
        *(".python_history", ".bash_history", ".hypothesis/x"),
        *("manifest.json", ".venv/pyvenv.cfg", "sub/env/conda-meta/x"),
    ],
)
def test_unneeded(tmp_path, name):
    """Version control, caches, records, libraries and environments are left out at any depth."""
    tree(tmp_path, "app.py", "_site/index.html", "renv/activate.R", "sub/lib/python/x")
    expected = names(select(tmp_path))
    assert len(expected) == 4
    tree(tmp_path, name).joinpath(name).write_text("")
    assert names(select(tmp_path)) == expected


def test_environments(tmp_path):
    """An environment is recognized without its configuration, and at the top of a project too."""
    tree(tmp_path, "app.py", "pyvenv.cfg", "bin/python", "lib/python3.11/x", "Lib", "sub/lib/x")
    tree(tmp_path, "sub/env/bin/python", "sub/env/lib64/python3.11/x")
    selection = select(tmp_path)
    assert names(selection) == ["app.py", "sub/lib/x"]
    assert reasons(selection)["sub/env/"] == reasons(selection)["bin/"] == "virtual environment"
    assert "sub/env/bin/python" in names(select(tmp_path, include=["sub/env/"]))
    assert "sub/env/bin/python" in names(select(tmp_path, include=["sub/env/bin/*"]))


SECRETS = [
    *(".env", ".env.production", "sub/.ENV.local", ".envrc", ".Renviron", ".netrc", "_netrc"),
    *(".pgpass", ".pypirc", ".git-credentials", "id_rsa", "id_ed25519", "id_ecdsa_sk"),
    *("tls.key", "a.P12", "a.pfx", "a.jks", "a.kdbx", "a.ppk", "credentials.json"),
    *(".streamlit/secrets.toml", "secrets.toml", "sub/secrets.yml", ".secrets.json"),
    *("prod.env", ".env.d", ".renviron.site", "id_ed25519_work", "a.p8", "a.keytab", "a.ovpn"),
    *(".htpasswd", ".dockerconfigjson", ".databrickscfg", ".s3cfg", ".boto", ".my.cnf"),
    *("client_secret_1.apps.googleusercontent.com.json", "kaggle.json", ".vault-token"),
    *("application_default_credentials.json", "terraform.tfstate", "a.tfstate.backup", "a.tfvars"),
]


@pytest.mark.parametrize("name", SECRETS)
def test_secrets(tmp_path, name):
    """A file that may be secret is left out and named even if it is ignored; `include` helps."""
    tree(tmp_path, "app.py", name)
    for rules in ("", "*\n!app.py\n!sub\n!.streamlit\n"):
        tree(tmp_path, __gitignore=rules)
        selection = select(tmp_path)
        assert names(selection) == ["app.py"]
        secret = [excluded for excluded in selection.excluded if excluded.is_secret]
        assert [excluded.name for excluded in secret] == [name]
        assert secret[0].reason.startswith("may contain a secret: ")
        assert names(select(tmp_path, include=[name])) == sorted(["app.py", name])


@pytest.mark.parametrize(
    "name",
    [
        *(".env.example", ".env.sample", ".env.template", ".env.dist", "example.env"),
        *("env", "environment.yml", "a.tfvars.example", "secrets.example.toml", "secrets.py"),
        *(
            "id_rsa.pub",
            "key",
            "keys.py",
            "credentials.py",
            ".streamlit/config.toml",
        ),
    ],
)
def test_no_secrets(tmp_path, name):
    """Files that only look like secrets are packed."""
    assert names(select(tree(tmp_path, name))) == [name]


@pytest.mark.parametrize(
    ("name", "text", "is_secret"),
    [
        ("ca.pem", "-----BEGIN CERTIFICATE-----\n", False),
        ("a.pem", "-----BEGIN CERTIFICATE-----\n" * 9 + "-----BEGIN RSA PRIVATE KEY-----", True),
        ("a.PEM", "-----BEGIN ENCRYPTED PRIVATE KEY-----", True),
        ("project-1.json", '{"private_key": "-----BEGIN PRIVATE KEY-----"}', True),
        ("schema.json", '{"private_key": {"type": "string"}}', False),
        (".npmrc", "//registry.npmjs.org/:_authToken=x", True),
        (".npmrc", "save-exact=true", False),
        ("deploy_key", "-----BEGIN OPENSSH PRIVATE KEY-----\n", True),
        ("my-key.txt", "-----BEGIN EC PRIVATE KEY-----\n", True),
        ("ca.crt", "-----BEGIN CERTIFICATE-----\n", False),
        ("LICENSE", "A PRIVATE KEY is no part of it.", False),
        ("config.json", '{"auths": {"r.io": {"auth": "dXNlcjpodW50ZXIyLWlzLWxvbmc="}}}', True),
        ("token.json", '{"refresh_token": "1//0gabcdefghijklmnop"}', True),
        ("labels.json", '{"client_secret": "The secret of the client", "auth": "basic"}', False),
        ("pip.conf", "[global]\nindex-url = https://u:hunter2@h/simple\n", True),
        ("pip.conf", "[global]\nindex-url = https://h/simple\n", False),
        (".Rprofile", 'Sys.setenv(GITHUB_PAT = "ghp_1")', True),
        (".Rprofile", 'source("renv/activate.R")\noptions(keyring_backend = "env")', False),
    ],
)
def test_secrets_by_content(tmp_path, name, text, is_secret):
    """Certificates are packed, keys are not; likewise tokens and keys of service accounts."""
    tree(tmp_path, "app.py", "sub/")
    (tmp_path / "sub" / name).write_text(text)
    selection = select(tmp_path)
    assert (f"sub/{name}" not in names(selection)) == is_secret
    assert [one.name for one in selection.excluded if one.is_secret] == [f"sub/{name}"] * is_secret
    assert f"sub/{name}" in names(select(tmp_path, include=[f"/sub/{name}"]))


@pytest.mark.parametrize(
    ("name", "text", "has_one"),
    [
        ("requirements.txt", "--extra-index-url https://u:hunter2@h/simple\n", True),
        ("requirements/base.txt", "", False),
        (
            "requirements-dev.in",
            "a @ git+https://ghp_abcdefghijklmnopqrstuvw@github.com/a/b\n",
            True,
        ),
        ("requirements.txt", "a @ git+ssh://git@github.com/a/b\nb @ https://h/x@1\n", False),
        ("requirements.txt", "--index-url https://${USER}:${PASSWORD}@h/simple\n", False),
        ("pyproject.toml", 'index-url = "https://u:hunter2@h/simple"\n', True),
        ("renv.lock", '{"URL": "https://u:hunter2@cran/"}', True),
    ],
)
def test_passwords_in_addresses(tmp_path, name, text, has_one):
    """A list of packages with a password is sent; the warning does not show the password."""
    tree(tmp_path, name).joinpath(name).write_text(text)
    selection = select(tmp_path)
    assert names(selection) == [name]
    assert [w.startswith(f"{name} has a password") for w in selection.warnings] == [True] * has_one
    assert "hunter2" not in str(selection.warnings)


@pytest.mark.parametrize("pattern", ["*", "**", "**/*", "/*", ".*", "*.*", "*/**", "sub/*", "sub/"])
def test_include_by_wildcards(tmp_path, pattern):
    """What may be secret, or is needed by no bundle, is not selected by wildcards alone."""
    tree(tmp_path, "app.py", "sub/a.csv", __gitignore="sub/\n*.csv\n!sub/*\n")
    expected = names(select(tmp_path, include=[pattern]))
    tree(tmp_path, ".env", "sub/.env", "sub/id_rsa", ".git/config", "sub/.aws/credentials")
    tree(tmp_path, "venv/pyvenv.cfg", "venv/lib/x", "pyvenv.cfg", "lib/x", "node_modules/x")
    tree(tmp_path, "sub/key").joinpath("sub/key").write_text("-----BEGIN PRIVATE KEY-----")
    assert names(select(tmp_path, include=[pattern])) == expected


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        *((".env*", ".env"), ("*.key", "sub/a.key"), ("/.aws/*", ".aws/config")),
        *((".aws/", ".aws/config"), (".git/**", ".git/config"), ("[.]env", ".env")),
    ],
)
def test_include_by_name(tmp_path, pattern, name):
    """A pattern that names such a file, or its folder, selects it."""
    assert name in names(select(tree(tmp_path, "app.py", name), include=[pattern]))


@pytest.mark.parametrize("folder", [".aws", ".ssh", ".gnupg", ".kube", "sub/.aws"])
def test_folders_of_secrets(tmp_path, folder):
    """Folders of credentials are left out as a whole."""
    selection = select(tree(tmp_path, "app.py", f"{folder}/config"))
    assert names(selection) == ["app.py"]
    assert [(one.name, one.is_secret) for one in selection.excluded] == [(f"{folder}/", True)]
    assert secret_by_name("ssh", is_folder=True) is None


def test_include(tmp_path):
    """`include` brings a file back even from a folder that is left out, and nothing else of it."""
    tree(tmp_path, "app.py", "build/app.js", "build/x.js", "node_modules/a/b.js", "x/app.js")
    tree(tmp_path, __gitignore="build/\n*.js\n")
    assert names(select(tmp_path, include=["build/app.js"])) == ["app.py", "build/app.js"]
    assert names(select(tmp_path, include=["/node_modules/**/*.js"])) == [
        "app.py",
        "node_modules/a/b.js",
    ]
    # One without a path is not looked for in folders that are left out.
    assert names(select(tmp_path, include=["*.js"])) == ["app.py", "x/app.js"]
    assert names(select(tmp_path, include=["build/", "/build/*", "!x.js"])) == [
        "app.py",
        "build/app.js",
    ]


def test_exclude(tmp_path):
    """`exclude` leaves out more, says so, and gives way to `include`."""
    tree(tmp_path, "app.py", "data/a.csv", "data/b.csv")
    selection = select(tmp_path, exclude=["data/*.csv"], include=["b.csv"])
    assert names(selection) == ["app.py", "data/b.csv"]
    assert reasons(selection) == {"data/a.csv": "exclude: data/*.csv"}


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["/app.py"], ["app.py"]),
        (["app.py"], ["app.py", "lib/app.py"]),
        (["*.py"], ["app.py", "lib/app.py"]),
        (["/data"], ["data/a.csv", "data/raw/b.csv"]),
        (["/data/", "!raw/"], ["data/a.csv"]),
        (["!raw/", "/data/"], ["data/a.csv", "data/raw/b.csv"]),
        (["data/**/b.csv"], ["data/raw/b.csv"]),
        (["*", "!/lib", "!data"], ["app.py"]),
        (["/app.py", "/.env"], [".env", "app.py"]),
        (["/app.py", "/.en*"], ["app.py"]),
        (["/app.py", "/.posit/publish/a.toml"], [".posit/publish/a.toml", "app.py"]),
    ],
)
def test_patterns(tmp_path, patterns, expected):
    """With patterns, what they match is selected; a name in full also if it may be secret."""
    tree(tmp_path, "app.py", "lib/app.py", "data/a.csv", "data/raw/b.csv", "gone", ".env")
    tree(tmp_path, ".posit/publish/a.toml", ".posit/publish/b.toml", "node_modules/app.py")
    tree(tmp_path, __gitignore="app.py\n")
    (tmp_path / "gone").unlink()
    (tmp_path / "gone").symlink_to("/absent")
    assert names(select(tmp_path, patterns=[*patterns, "!gone"])) == expected


def test_links(tmp_path):
    """Links inside the directory are followed, as files and folders."""
    tree(tmp_path, "a/x", "a/sub/y", "b/z")
    (tmp_path / "file").symlink_to("a/x")
    (tmp_path / "b" / "folder").symlink_to("../a")
    selection = select(tmp_path)
    assert names(selection) == ["a/sub/y", "a/x", "b/folder/sub/y", "b/folder/x", "b/z", "file"]
    assert selection.files[-1].path == (tmp_path / "a" / "x").resolve()
    tree(tmp_path, __gitignore="folder/\nfile\n")
    assert names(select(tmp_path)) == ["a/sub/y", "a/x", "b/z"]


@pytest.mark.parametrize("target", [".env", "keys/a.txt", ".git/config", "pem/a.pem"])
def test_links_to_secrets(tmp_path, target):
    """A link is no way around the guard."""
    tree(tmp_path, "app.py", ".env", ".git/config", "keys/b.txt", ".ssh/a.txt", "pem/b")
    (tmp_path / "keys" / "a.txt").symlink_to("../.ssh/a.txt")
    (tmp_path / "pem" / "a.pem").write_text("-----BEGIN PRIVATE KEY-----")
    (tmp_path / "harmless.txt").symlink_to(target)
    selection = select(tmp_path)
    assert names(selection) == ["app.py", "keys/b.txt", "pem/b"]
    assert reasons(selection)["harmless.txt"].startswith("a link to ")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("../outside", "leaves the directory"),
        ("/etc/passwd", "leaves the directory"),
        ("/etc", "leaves the directory"),
        ("absent", "leads nowhere"),
        ("link", "leads nowhere"),
        ("..", "which contains it"),
        (".", "which contains it"),
    ],
)
def test_refused_links(tmp_path, target, words):
    """Links that leave the directory, lead nowhere or have no end are refused, unless left out."""
    tree(tmp_path, "outside", "s/app.py", "s/sub/x")
    (tmp_path / "s" / "sub" / "link").symlink_to(target)
    if target == "../outside":
        (tmp_path / "s" / "sub" / "link").unlink()
        (tmp_path / "s" / "sub" / "link").symlink_to("../../outside")
    with pytest.raises(InvalidArgumentError, match=rf"'sub/link' in .*{words}.*exclude="):
        select(tmp_path / "s")
    assert names(select(tmp_path / "s", exclude=["link"])) == ["app.py", "sub/x"]
    assert names(select(tmp_path / "s", patterns=["*.py"])) == ["app.py"]


def test_loops_of_linked_folders(tmp_path):
    """Links that lead to each other are refused, however many there are; trees of them end."""
    tree(tmp_path, "a/x", "b/x")
    (tmp_path / "a" / "b").symlink_to("../b")
    (tmp_path / "b" / "a").symlink_to("../a")
    with pytest.raises(InvalidArgumentError, match="has no end"):
        select(tmp_path)
    tree(tmp_path, "t/0/x")
    for level in range(1, 30):
        (tmp_path / "t" / str(level)).mkdir()
        for name in "lr":
            (tmp_path / "t" / str(level) / name).symlink_to(f"../{level - 1}")
    with pytest.raises(InvalidArgumentError, match="more than 1000 links"):
        select(tmp_path / "t")


@pytest.mark.parametrize(("kind", "words"), [("fifo", "a FIFO"), ("socket", "a socket")])
def test_no_files(tmp_path, monkeypatch, kind, words):
    """What is neither a file nor a folder is refused and never opened, unless it is left out."""
    tree(tmp_path, "app.py")
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    if kind == "fifo":
        os.mkfifo("pipe.pem")
    else:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("pipe.pem")
    with pytest.raises(InvalidArgumentError, match=f"'pipe.pem' in .* is {words}"):
        select(tmp_path)
    assert names(select(tmp_path, exclude=["pipe.pem"])) == ["app.py"]
    Path("link.pem").symlink_to("pipe.pem")
    with pytest.raises(InvalidArgumentError, match=f"'link.pem' in .* is {words}"):
        select(tmp_path, exclude=["pipe.pem"])
    tree(tmp_path, __gitignore="*.pem\n")
    assert names(select(tmp_path)) == ["app.py"]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has only names in UTF-8")
def test_names(tmp_path):
    """Names that are not UTF-8 or have backslashes are refused; left out, they can be shown."""
    tree(tmp_path, "app.py")
    (tmp_path / os.fsdecode(b"caf\xe9")).touch()
    with pytest.raises(InvalidArgumentError, match="not UTF-8"):
        select(tmp_path)
    selection = select(tmp_path, exclude=["caf*"])
    assert names(selection) == ["app.py"]
    assert reasons(selection) == {r"caf\udce9": "exclude: caf*"}
    (tmp_path / r"a\b").touch()
    with pytest.raises(InvalidArgumentError, match="backslash"):
        select(tmp_path, exclude=["caf*"])


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="their names are the same there")
@pytest.mark.parametrize("other", ["README.MD", unicodedata.normalize("NFD", "Café.txt")])
def test_names_that_collide_elsewhere(tmp_path, other):
    """Names that are one on other systems are packed, and said."""
    tree(tmp_path, "readme.md", "Café.txt", other)
    selection = select(tmp_path)
    assert len(selection.files) == 3
    (warning,) = selection.warnings
    assert other in warning


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_in_fact(tmp_path):
    """What you may not read is refused by its name."""
    tree(tmp_path, "a", "b")
    (tmp_path / "b").chmod(0)
    with pytest.raises(InvalidArgumentError, match=r"'b' in .* cannot be read"):
        select(tmp_path)


def test_unreadable(tmp_path, monkeypatch):
    """What cannot be read is refused by its name, before anything is sent."""
    tree(tmp_path, "a", "b", "sub/c")
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, _mode: not path.endswith("b"))
        with pytest.raises(InvalidArgumentError, match=r"'b' in .* cannot be read: you have no"):
            select(tmp_path)
    scan = os.scandir

    def scandir(path):
        if path.endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InvalidArgumentError, match=r"'sub/' in .* cannot be listed: Permission"):
        select(tmp_path)
    assert names(select(tmp_path, exclude=["sub"])) == ["a", "b"]


def test_no_selection(tmp_path):
    """A missing directory, a file, an empty folder and one of ignored files are refused."""
    for wrong in (tmp_path / "absent", tree(tmp_path, "file") / "file", Path("a\0b")):
        with pytest.raises(InvalidArgumentError, match="cannot read"):
            select(wrong)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidArgumentError, match="has no files"):
        select(tmp_path / "empty")
    tree(tmp_path, __gitignore="*\n")
    with pytest.raises(InvalidArgumentError, match=r"left out.*file \(.gitignore: \*\).*include="):
        select(tmp_path)


def test_ignored_folders_are_not_entered(tmp_path, monkeypatch):
    """A folder that is left out as a whole costs nothing, whatever is in it."""
    tree(tmp_path, "app.py", "data/1/2/x", "node_modules/a/x", ".venv/pyvenv.cfg", ".venv/lib/x")
    tree(tmp_path, __gitignore="data/\n")
    scanned: list[str] = []
    scan = os.scandir

    def scandir(path):
        scanned.append(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    select(tmp_path, include=["*.js"])
    assert [os.path.relpath(path, tmp_path) for path in scanned] == [".", ".venv"]


def test_import_of_pathspec():
    """Importing the package does not import pathspec, which only a selection needs."""
    code = "import aconnect.deploy, sys; raise SystemExit('pathspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
