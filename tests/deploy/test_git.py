"""Repositories are named by their web addresses, which never have credentials."""

import subprocess
from typing import Any

import pytest
from hypothesis import given, strategies as st

from aconnect.deploy import deploy_git, git_metadata, stage
from aconnect.deploy.git import web_address
from aconnect.errors import InvalidArgumentError
from aconnect.testing import faults


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/org/app", "https://github.com/org/app"),
        ("https://github.com/org/app.git", "https://github.com/org/app.git"),
        ("https://me:token@github.com/org/app", "https://github.com/org/app"),
        ("https://token@github.com/org/app", "https://github.com/org/app"),
        ("https://git.example.com:8443/org/app?token=x#y", "https://git.example.com:8443/org/app"),
        ("http://me:pw@intranet/app", "http://intranet/app"),
        ("git@github.com:org/app.git", "https://github.com/org/app.git"),
        ("github.com:org/app.git", "https://github.com/org/app.git"),
        ("ssh://git@github.com:22/org/app.git", "https://github.com/org/app.git"),
        ("git://github.com/org/app.git", "https://github.com/org/app.git"),
        ("https://[::1]:8080/app", "https://[::1]:8080/app"),
        ("/srv/git/app.git", ""),
        ("../app", ""),
        ("file:///srv/git/app.git", ""),
        ("https://host:port/app", ""),
        ("https://me:sec/ret@host/app", ""),
        ("https://token/x@host/app", ""),
        ("me:secret@host/app", ""),
        ("me:secret@host:app", ""),
        ("https:/me:secret@host/app", ""),
        ("", ""),
    ],
)
def test_addresses_of_remotes(remote, address):
    """Every form of a remote has one web address, or none."""
    assert web_address(remote) == address


_WORD = st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789_-", min_size=6, max_size=12)


@given(
    scheme=st.sampled_from(["https", "http", "ssh", "git", "git+ssh"]),
    user=_WORD.map(lambda word: f"user{word}"),
    password=_WORD.map(lambda word: f"secret{word}") | st.none(),
    port=st.integers(1, 65535) | st.none(),
)
def test_no_address_has_credentials(scheme, user, password, port):
    """No user name or password of a remote is in its address."""
    userinfo = user if password is None else f"{user}:{password}"
    host = "git.example.com" if port is None else f"git.example.com:{port}"
    address = web_address(f"{scheme}://{userinfo}@{host}/org/app.git")
    assert user not in address
    assert password is None or password not in address
    assert address.endswith("/org/app.git")


def git(folder, *arguments):
    command = ["git", "-c", "user.name=me", "-c", "user.email=me@example.com", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603


async def test_metadata_of_a_directory(tmp_path):
    """Branch, commit and address are those of the repository; changes are marked."""
    assert await git_metadata(tmp_path) == {}
    git(tmp_path, "init", "-b", "trunk")
    assert await git_metadata(tmp_path) == {}
    (tmp_path / "app.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    git(tmp_path, "remote", "add", "origin", "https://me:secret@github.com/org/app")
    found = await git_metadata(tmp_path)
    commit = found["source_commit"]
    assert commit is not None
    assert len(commit) == 40
    assert found == {
        "source_commit": commit,
        "source": "git",
        "source_branch": "trunk",
        "source_repo": "https://github.com/org/app",
    }
    (tmp_path / "app.py").write_text("2")
    assert (await git_metadata(tmp_path))["source_commit"] == f"{commit}-dirty"
    git(tmp_path, "tag", "v1")
    git(tmp_path, "checkout", "--detach")
    assert (await git_metadata(tmp_path))["source_branch"] == "v1"


async def test_metadata_without_git(tmp_path, monkeypatch):
    """Where git is not installed, there is no metadata."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await git_metadata(tmp_path) == {}


async def test_content_from_git(server, client):
    """The server deploys the repository, whose address has lost its credentials."""
    deployment = await deploy_git(
        client,
        "https://me:secret@github.com/org/app",
        name="my-app",
        branch="trunk",
        directory="sub",
        env={"A": "1"},
        title="Mine",
    )
    item = await deployment
    assert item.title == "Mine"
    assert item.bundle_id is not None
    repository = await item.repository.get()
    assert (repository.repository, repository.branch, repository.directory) == (
        "https://github.com/org/app",
        "trunk",
        "sub",
    )
    assert not any(b"secret" in request.body for request in server.requests)
    assert await item.environment_variables.find() == ["A"]
    again = await (await deploy_git(client, "https://github.com/org/app", name="my-app"))
    assert again.guid == item.guid


async def test_lost_start_of_a_build_from_git(server, client):
    """After a lost response, the build that runs is followed, and no other is started."""
    server.script(faults.after(faults.reset()), on="POST /v1/content/*/deploy")
    item = await (await deploy_git(client, "https://github.com/org/app", name="my-app"))
    assert item.bundle_id is not None
    assert server.count("POST", "/v1/content/*/deploy") == 1


async def test_the_repository_is_kept(server, client):
    """What is not passed stays as it is, and what is the same is not sent again."""
    address = "https://github.com/org/app"
    options: dict[str, Any] = {"branch": "trunk", "directory": "sub", "polling": True}
    await (await deploy_git(client, address, name="my-app", **options))
    item = await (await deploy_git(client, address, name="my-app"))
    assert server.count("PATCH", "*/repository") == 0
    await (await deploy_git(client, f"{address}2", name="my-app", branch="other"))
    repository = await item.repository.get()
    assert repository.repository == f"{address}2"
    assert (repository.branch, repository.directory, repository.polling) == ("other", "sub", True)


@pytest.mark.parametrize("lost", [False, True])
async def test_another_build_that_runs(server, client, lost):
    """A running build may be one of another branch, so it is not followed."""
    address = "https://github.com/org/app"
    await deploy_git(client, address, name="my-app", branch="trunk")
    if lost:
        server.script(faults.after(faults.reset()), on="POST /v1/content/*/deploy")
    item = await (await deploy_git(client, address, name="my-app", branch="other"))
    bundle = await item.bundles.active()
    assert bundle is not None
    assert bundle.metadata is not None
    assert bundle.metadata.source_branch == "other"
    assert server.count("POST", "*/deploy") == 2


@pytest.mark.parametrize("is_built", [False, True])
async def test_content_with_bundles(client, folder, is_built):
    """Content that has uploaded bundles is refused before anything is changed."""
    if is_built:
        item = await client.content.find_one(name="content-0000")
    else:
        item = (await stage(client, folder, name="my-app")).item
    with pytest.raises(InvalidArgumentError, match="bundles"):
        await deploy_git(client, "https://github.com/org/app", guid=item.guid, title="New")
    assert (await item.refresh()).title == item.title


@pytest.mark.parametrize(
    "address",
    [
        "/srv/git/app",
        "",
        "ftp://host/app",
        "ftp://me:secret@host/app",
        "https://me:secret@host:99999/app",
        "//me:secret@host/app",
        "me:secret@host:app",
        "https://me:sec/secret@host/app",
    ],
)
async def test_addresses_that_cannot_be_fetched(server, client, address):
    """An address that the server cannot fetch from is refused, without showing its password."""
    with pytest.raises(InvalidArgumentError) as caught:
        await deploy_git(client, address, name="my-app")
    assert "secret" not in str(caught.value)
    assert server.requests == []
