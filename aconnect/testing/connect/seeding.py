"""The data a simulated server begins with.

Decides every seeded object and the functions that make the rows of the high-volume series. The
same seed makes the same data.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from aconnect.testing.connect.oauth import new_client, new_integration
from aconnect.testing.connect.progress import BuildScript, JobState, Run
from aconnect.testing.connect.resources import (
    QUEUES,
    aged,
    guid_of,
    new_bundle,
    new_content,
    new_example,
    new_group,
    new_job,
    new_queue_item,
    new_schedule,
    new_tag,
    new_user,
    new_variant,
    small_archive,
)
from aconnect.testing.connect.seeding_system import add_environments, add_system
from aconnect.testing.connect.series import PERIOD, Series
from aconnect.testing.connect.state import Archive, Bundle, Seed, State
from aconnect.testing.connect.versions import Features
from aconnect.testing.wire import Row

RENDERED = frozenset({"quarto-static", "rmd-static", "jupyter-static", "jupyter-voila"})
"""Application modes that can be rendered, and so have schedules."""

ADMIN_KEY = "fake-administrator-key"

APP_MODES = ("python-shiny", "quarto-static", "python-fastapi", "shiny", "rmd-static", "static")

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "python-requests/2.32.3",
)

ACTIONS: dict[str, str] = {
    "user_login": "User logged in",
    "add_application": "Content item created",
    "deploy_application": "Content item deployed",
    "edit_content_settings": "Content settings changed",
    "add_user": "User created",
    "edit_user": "User changed",
    "add_group": "Group created",
    "add_group_member": "User added to a group",
    "add_tag": "Tag created",
    "api_key_created": "API key created",
}
"""Audit actions and what they mean."""

LONGEST_SESSION = timedelta(hours=1)


def seeded_state(seed: Seed, features: Features, page_cache: int = 2100) -> State:
    """Make the state that a server begins with."""
    users = [guid_of("user", i) for i in range(max(3, seed.users))]
    content = [guid_of("content", i) for i in range(max(1, seed.content))]
    random = Random(20250101)
    state = State(
        seed,
        features,
        visits=_series(seed, seed.visits, 3, _visits(random, users, content, features)),
        shiny_usage=_series(
            seed,
            seed.shiny_usage,
            1,
            _usage(random, users, content, seed.shiny_usage),
            time_field="started",
            longest=LONGEST_SESSION,
        ),
        audit_logs=_series(seed, seed.audit_logs, 0, _audit(random, users)),
        hits=_series(seed, seed.hits, 0, _hits(random, users, content), time_field="timestamp"),
    )
    state.pages.size = page_cache
    _add_users(state, users)
    _add_groups(state, users)
    _add_tags(state)
    _add_content(state, users)
    _add_jobs(state)
    _add_oauth(state)
    state.examples = {name: new_example(name) for name in ("python-dash-demo", "shiny-demo")}
    _add_queue(state)
    add_environments(state, users)
    add_system(state)
    return state


def _series(
    seed: Seed,
    count: int,
    data_version: int,
    build: Callable[[int, datetime], Row],
    *,
    time_field: str = "time",
    longest: timedelta = timedelta(0),
) -> Series:
    return Series(
        build,
        count=count,
        old=seed.old_rows if data_version and count else 0,
        start=seed.start,
        step=seed.step,
        burst=seed.burst,
        data_version=data_version,
        time_field=time_field,
        longest=longest,
    )


def _draw(random: Random, size: int) -> list[int]:
    """Draw one of `size` choices for each of `PERIOD` rows."""
    return random.choices(range(size), k=PERIOD)


def _draw_users(random: Random, users: list[str]) -> list[str | None]:
    """Draw the user of each of `PERIOD` rows; one in eight is anonymous."""
    return [None if random.random() < 1 / 8 else random.choice(users) for _ in range(PERIOD)]


def _visits(
    random: Random, users: list[str], content: list[str], features: Features
) -> Callable[[int, datetime], Row]:
    items = _draw(random, len(content))
    visitors = _draw_users(random, users)
    agents = _draw(random, len(AGENTS))

    def build(i: int, time: datetime) -> Row:
        k = i % PERIOD
        item = items[k]
        rendered = item % 2 == 1
        row = {
            "id": str(i + 1),
            "content_guid": content[item],
            "user_guid": visitors[k],
            "variant_key": f"var{item}" if rendered else None,
            "time": time,
            "rendering_id": str(item * 10 + 7) if rendered else None,
            "bundle_id": str(item + 1),
            "path": "/",
            "data_version": 3,
            "user_agent": AGENTS[agents[k]],
        }
        return row if features.modern_fields else aged("visit", row, features)

    return build


def _usage(
    random: Random, users: list[str], content: list[str], count: int
) -> Callable[[int, datetime], Row]:
    items = _draw(random, len(content))
    visitors = _draw_users(random, users)
    lengths = [timedelta(seconds=random.randint(1, 3600)) for _ in range(PERIOD)]

    def build(i: int, time: datetime) -> Row:
        k = i % PERIOD
        return {
            "content_guid": content[items[k]],
            "user_guid": visitors[k],
            "started": time,
            # The last session is still open.
            "ended": None if i == count - 1 else time + lengths[k],
            "data_version": 1,
        }

    return build


def _audit(random: Random, users: list[str]) -> Callable[[int, datetime], Row]:
    actors = _draw(random, len(users))
    actions = _draw(random, len(ACTIONS))
    names = list(ACTIONS)

    def build(i: int, time: datetime) -> Row:
        k = i % PERIOD
        actor = actors[k]
        action = names[actions[k]]
        return {
            "id": str(i + 1),
            "time": time,
            "user_id": str(actor + 1),
            "user_guid": users[actor],
            "user_description": f"{_username(actor)} ({_username(actor)}@example.com)",
            "action": action,
            "event_description": ACTIONS[action],
        }

    return build


def _hits(random: Random, users: list[str], content: list[str]) -> Callable[[int, datetime], Row]:
    items = _draw(random, len(content))
    visitors = _draw_users(random, users)
    agents = _draw(random, len(AGENTS))

    def build(i: int, time: datetime) -> Row:
        k = i % PERIOD
        return {
            "id": i + 1,
            "user_guid": visitors[k],
            "content_guid": content[items[k]],
            "timestamp": time,
            "data": {
                "path": "/",
                "query": None,
                "user_agent": AGENTS[agents[k]],
                "sec_fetch_dest": "document",
                "sec_fetch_site": "same-origin",
            },
        }

    return build


def _username(i: int) -> str:
    return ("admin", "publisher", "viewer")[i] if i < 3 else f"user{i:04d}"


def _add_users(state: State, guids: list[str]) -> None:
    roles = ("administrator", "publisher", "viewer")
    for i, guid in enumerate(guids):
        name = _username(i)
        role = roles[i] if i < 3 else roles[1 + i % 2]
        time = state.seed.start - timedelta(days=400) + timedelta(hours=i, microseconds=i * 1000)
        state.users[guid] = new_user(
            guid,
            name,
            role,
            time,
            active_time=None if i % 5 == 4 else state.seed.start - timedelta(hours=i),
            locked=i % 17 == 16,
        )
        key = ADMIN_KEY if i == 0 else f"fake-key-of-{name}"
        state.add_key(key, guid, "default", role, time)
    for i in range(3):
        name = f"remote{i}"
        state.remote_users[f"ticket-{name}"] = new_user("", name, "viewer", state.seed.start)
        state.remote_groups[f"ticket-group-{name}"] = {"name": f"group-{name}"}


def _add_groups(state: State, users: list[str]) -> None:
    for i in range(state.seed.groups):
        guid = guid_of("group", i)
        state.groups[guid] = new_group(guid, f"group{i:04d}", users[0], 1000 + i)
        state.members[guid] = [user for j, user in enumerate(users) if (i + j) % 3 == 0]


def _add_tags(state: State) -> None:
    for name, parent in (
        ("Department", None),
        ("Finance", "1"),
        ("Payroll", "2"),
        ("Research", "1"),
    ):
        number = state.next_number("tag")
        state.tags[str(number)] = new_tag(number, name, parent, state.seed.start)


def _add_content(state: State, users: list[str]) -> None:
    archives = {mode: small_archive(mode) for mode in APP_MODES} if state.seed.content else {}
    for i in range(state.seed.content):
        guid = guid_of("content", i)
        mode = APP_MODES[i % len(APP_MODES)]
        owner = users[i % 2]
        time = state.seed.start - timedelta(days=100) + timedelta(minutes=i)
        bundle = state.next_number("bundle")
        data, manifest = archives[mode]
        row = new_bundle(bundle, guid, owner, len(data), time)
        row["active"] = True
        state.bundles[guid] = {str(bundle): Bundle(row, Archive.of(data), manifest)}
        state.content[guid] = new_content(
            guid,
            state.next_number("content"),
            f"content-{i:04d}",
            owner,
            time,
            title=f"Content {i}",
            access_type=("acl", "logged_in", "all")[i % 3],
            bundle_id=str(bundle),
            app_mode=mode,
        )
        state.jobs[guid] = {}
        if mode in {"quarto-static", "rmd-static"}:
            # The key that visits of this item have.
            variant = new_variant(
                state.content[guid], f"var{i}", time, is_default=True, render_time=time
            )
            state.variants[guid] = {variant["variant_key"]: variant}
        if mode in RENDERED:
            state.schedules[guid] = [new_schedule(state.users[owner], time)]


def _add_oauth(state: State) -> None:
    # Every new server has this integration.
    guid = guid_of("oauth-integration", 0)
    config = {"max_role": "Admin"}
    state.oauth_integrations[guid] = new_integration(
        guid, state.next_number("integration"), "connect", config, state.seed.start, name="Connect"
    )
    for i, name in enumerate(("Visual Studio Code", "Positron")):
        client = guid_of("oauth-client", i)
        number = state.next_number("oauth client")
        state.oauth_clients[client] = new_client(
            client, number, name, state.seed.start + state.seed.step * i
        )


def _nothing(_: Run) -> None:
    """End a run without consequences."""


def _add_jobs(state: State) -> None:
    content = list(state.content.values())
    if not content:
        return
    for i in range(state.seed.jobs):
        item = content[i % len(content)]
        time = state.seed.start + state.seed.step * i
        failed = i % 10 == 9
        lines = tuple(f"line {n} of job {i}" for n in range(10))
        run = Run(BuildScript(lines, code=int(failed)), _nothing, started=time)
        run.visible = len(lines)
        run.stamps = [time] * len(lines)
        run.end(int(failed), "")
        key = guid_of("job", i).replace("-", "")[:16]
        row = new_job(key, state.next_number("job"), item, "run_app", time)
        row.update(end_time=time + timedelta(minutes=1), exit_code=int(failed), status=2)
        job = JobState(row, run, scheduled=item["app_mode"] in RENDERED)
        if failed:
            job.logged_error = {
                "code": "python-process-exited",
                "summary": "The process exited with status 1.",
                "help_url": "https://docs.posit.co/connect/errors/",
            }
        state.jobs[item["guid"]][key] = job


def _add_queue(state: State) -> None:
    for i in range(state.seed.queue):
        number = state.next_number("queue")
        name = tuple(QUEUES)[i % len(QUEUES)]
        state.queue[str(number)] = new_queue_item(number, name, state.seed.start)
