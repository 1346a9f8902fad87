from __future__ import annotations
import asyncio, tempfile, shutil
from pathlib import Path
import uvloop
from deploy.local.stack import Stack
from tests.benchmarks import write


async def main(stack):
    stack.kill("verification", 15)
    r = await write.measure(stack, 4, 3)
    print(r, {k: r["intake"] / v for k, v in r.items()})


folder = Path(tempfile.mkdtemp(prefix="zm-bench-"))
folder.chmod(0o755)
with Stack(folder, clock="system", services=("intake", "verification")) as stack:
    try:
        uvloop.run(main(stack))
    finally:
        print(stack.data.log("intake").read_text()[-2000:])
shutil.rmtree(folder, ignore_errors=True)
