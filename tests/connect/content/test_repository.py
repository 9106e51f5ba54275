"""Content is deployed from Git or from bundles, not from both."""

import pytest

from aconnect import errors
from aconnect.connect import Repository

ADDRESS = "https://example.com/it.git"


@pytest.fixture
async def item(client):
    return await client.content.create(name="from-git")


async def test_life_of_a_location(item):
    """A repository can be set, read, updated and deleted."""
    with pytest.raises(errors.NotFoundError):
        await item.repository.get()
    put = await item.repository.put(repository=ADDRESS, directory="report")
    found = await item.repository.get()
    assert found == put
    assert (found.repository, found.branch, found.directory) == (ADDRESS, "main", "report")
    assert found.last_error == ""
    assert found.last_known_commit
    assert found.last_fetched_time is not None
    changed = await found.update(branch="other", polling=True)
    assert (changed.branch, changed.polling, changed.directory) == ("other", True, "report")
    assert await found.refresh() == changed != found
    await changed.delete()
    with pytest.raises(errors.NotFoundError):
        await changed.refresh()


async def test_put_replaces(item):
    """`put` replaces the previous repository completely."""
    await item.repository.put(repository=ADDRESS, directory="report", polling=True)
    other = await item.repository.put(repository=ADDRESS)
    assert (other.directory, other.polling) == (".", False)


async def test_git_and_bundles_exclude_each_other(client, item, archive):
    """Content from Git accepts no bundle (144), and content with bundles no repository (143)."""
    await item.repository.put(repository=ADDRESS)
    with pytest.raises(errors.ConflictError, match="144"):
        await item.bundles.create(archive)
    sent = await client.content.create(name="from-bundles")
    await sent.bundles.create(archive)
    with pytest.raises(errors.ConflictError, match="143"):
        await sent.repository.put(repository=ADDRESS)
    with pytest.raises(errors.ConflictError, match="143"):
        await sent.repository.update(branch="main")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("git@example.com:it.git", 164),
        ("ssh://example.com/it.git", 164),
        ("https:///it.git", 146),
        ("https://me@example.com/it.git", 146),
        ("https://example.com/it.git?x=1", 146),
    ],
)
async def test_addresses_that_cannot_be_fetched(item, address, code):
    """A repository address other than plain http or https is refused, and nothing changes."""
    await item.repository.put(repository=ADDRESS)
    with pytest.raises(errors.BadRequestError, match=str(code)):
        await item.repository.update(repository=address)
    assert (await item.repository.get()).repository == ADDRESS


async def test_deleting_content_takes_its_location_along(server, item):
    """Deleting content deletes its repository settings."""
    await item.repository.put(repository=ADDRESS)
    await item.delete()
    assert not server.state.repositories


def test_a_location_made_by_hand_makes_no_calls():
    """A repository that is not bound to a client raises RuntimeError."""
    with pytest.raises(RuntimeError, match="Repository did not come from a client"):
        Repository(repository=ADDRESS).client  # noqa: B018  the property raises
