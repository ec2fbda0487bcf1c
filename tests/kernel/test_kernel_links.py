"""How a kernel finds its engine, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.jupyter import BASE_URL, TOKEN
from tests.support.kernels import Kernel, KernelServer

pytestmark = pytest.mark.kernel

TRY = """
import inngest_nb as inngest
try:
    client = inngest.Inngest(app_id="links", engine={engine!r})
    client._link()
except Exception as exc:
    print(type(exc).__name__, "|", exc)
else:
    print("connected", client._link().kind)
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelServer]:
    """A server without the extension."""
    without = "--ServerApp.jpserver_extensions={'inngest_nb_server': False}"
    with KernelServer(tmp_path_factory.mktemp("bare"), arguments=(without,)) as server:
        yield server


@pytest.fixture
def bare_kernel(bare: KernelServer) -> Iterator[Kernel]:
    kernel = bare.start_kernel()
    yield kernel
    kernel.shutdown()


def test_the_server_of_the_kernel_is_found_without_configuration(kernel: Kernel, jupyter: KernelServer) -> None:
    assert kernel.value(TRY.format(engine="auto")) == "connected server"
    said = kernel.value("client._link().describe()")
    assert f":{jupyter.port}{BASE_URL} (connected)" in said
    assert "JUPYTER_SERVER_URL" not in kernel.value("import os; sorted(os.environ)")


def test_the_file_of_the_server_is_not_read_for_every_publish(kernel: Kernel) -> None:
    assert kernel.value(TRY.format(engine="auto")) == "connected server"
    read = kernel.value("""
import sys
read = []
sys.addaudithook(lambda event, args: event == "open" and "jpserver-" in str(args[0]) and read.append(args[0]))
for n in range(20):
    await client.realtime.publish(inngest.realtime.channel("numbers", topics={"n": int}).n, n)
len(read)
""")
    assert read == "0"


def test_a_wrong_token_is_refused_with_what_to_do(kernel: Kernel, jupyter: KernelServer) -> None:
    kernel.value(f"import os; os.environ.update(INNGEST_NB_URL={jupyter.url!r}, INNGEST_NB_TOKEN='wrong')")
    said = kernel.value(TRY.format(engine="server"))
    assert said == (
        f"LinkRefused | the Jupyter server at {jupyter.url} refused this kernel's token (403). "
        "Restart the kernel, or set INNGEST_NB_URL and INNGEST_NB_TOKEN."
    )
    kernel.value("os.environ['INNGEST_NB_TOKEN'] = " + repr(TOKEN))
    assert kernel.value(TRY.format(engine="server")) == "connected server", "the next attempt is a new one"


def test_a_server_without_the_extension_is_told_from_one_that_is_down(bare_kernel: Kernel, bare: KernelServer) -> None:
    said = bare_kernel.value(TRY.format(engine="server"))
    assert said.startswith("ServerExtensionMissing | the Jupyter server at ")
    assert f":{bare.port}{BASE_URL} runs without the inngest_nb extension." in said
    assert "jupyter server extension list" in said
    bare_kernel.value("import os; os.environ.update(INNGEST_NB_URL='http://127.0.0.1:9/', INNGEST_NB_TOKEN='t')")
    said = bare_kernel.value(TRY.format(engine="server"))
    assert said.startswith("LinkError | the Jupyter server at http://127.0.0.1:9/ cannot be reached:")


def test_auto_falls_back_to_the_embedded_engine_and_says_so(bare_kernel: Kernel) -> None:
    said = bare_kernel.value(TRY.format(engine="auto"))
    assert "runs without the inngest_nb extension" in said
    assert "Using the embedded engine instead." in said
    assert said.endswith("connected embedded")
    bare_kernel.value("""
@client.create_function(fn_id="here", trigger=inngest.TriggerEvent(event="links/here"))
async def here(ctx):
    return await ctx.step.run("one", lambda: 1)
""")
    assert bare_kernel.value("await here.start({})") == "1"


def test_a_real_inngest_server_serves_functions_from_the_kernel(kernel: Kernel) -> None:
    assert kernel.value(TRY.format(engine="inngest")) == "connected inngest"
    assert kernel.value(TRY.format(engine="nonsense")).startswith("LinkError | engine must be one of auto, server")
