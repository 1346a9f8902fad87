import asyncio, time, tempfile
from pathlib import Path
from tests.faults.breakable import BreakableStack
from tests.faults.traffic import Traffic
from tests.faults.ledger import Ledger
from collections import Counter


async def main():
    led = Ledger()
    st = BreakableStack(Path(tempfile.mkdtemp(prefix="zmf")))
    async with st:
        t = time.time()
        async with Traffic(st, led) as tr:
            await asyncio.wait_for(tr.acknowledged(1000), 60)
        for n, pid in st.pids().items():
            f = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
            print(n, (int(f[11]) + int(f[12]) + int(f[13]) + int(f[14])) / 100)
        print("self", time.process_time())
        print(time.time() - t, len(led.acknowledged))
        print(Counter(a.sent.service + ":" + a.sent.command for a in led.acknowledged))
        print(led.repeats, led.contradictions[:8])
        for s in ("intake", "verification"):
            import subprocess

            print(s, subprocess.run(["tail", "-3", st.data.log(s)], capture_output=True, text=True).stdout)


asyncio.run(main())
