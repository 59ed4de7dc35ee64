"""What we ship for running the platform, checked where it can't run: image, compose, systemd units."""

import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from gongzhi.core.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = ("gongzhi-web.service", "gongzhi-worker.service")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY$")
#: ``${NAME:?why}``: compose refuses to start without it.
REQUIRED = re.compile(r"\$\{(\w+):\?[^}]+\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """The instructions and what follows each, continued lines joined, comments left out."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined if line.strip()]


def settings_named(names: set[str]) -> set[str]:
    """Those of these variables that look like ours and are none."""
    known = {f"GONGZHI_{name.upper()}" for name in Settings.__struct_fields__} | {"GONGZHI_CONFIG"}
    return {name for name in names if name.startswith("GONGZHI_")} - known


def example() -> dict[str, str]:
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class TestCompose:
    def test_offers_the_database_the_migration_the_web_and_the_worker(self, compose: dict[str, Any]) -> None:
        assert set(compose["services"]) == {"db", "migrate", "web", "worker"}
        commands = {name: service.get("command") for name, service in compose["services"].items()}
        assert commands == {"db": None, "migrate": ["migrate"], "web": ["serve"], "worker": ["worker"]}

    @pytest.mark.parametrize("name", ["db", "migrate", "web", "worker"])
    def test_says_of_each_what_it_is_and_what_it_waits_for(self, compose: dict[str, Any], name: str) -> None:
        service = compose["services"][name]
        assert "image" in service or "build" in service
        waits = [condition["condition"] for condition in service.get("depends_on", {}).values()]
        assert waits or "test" in service["healthcheck"]

    @pytest.mark.parametrize("name", ["web", "worker"])
    def test_migrates_before_it_serves(self, compose: dict[str, Any], name: str) -> None:
        waits = compose["services"][name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
        assert waits["db"]["condition"] == "service_healthy"

    @pytest.mark.parametrize("name", ["db", "migrate", "web", "worker"])
    def test_holds_no_password_and_no_default_for_one(self, compose: dict[str, Any], name: str) -> None:
        environment = compose["services"][name]["environment"]
        secrets = {key: value for key, value in environment.items() if SECRET.search(key)}
        assert secrets
        for value in secrets.values():
            assert REQUIRED.fullmatch(value)
        urls = [value for key, value in environment.items() if key.endswith("_URL")]
        assert not any(re.search(r"//[^/@]*:[^/@]*@", url) for url in urls)

    @pytest.mark.parametrize("name", ["web", "worker"])
    def test_tells_the_serving_processes_neither_owner_nor_superuser(
        self, compose: dict[str, Any], name: str
    ) -> None:
        told = set(compose["services"][name]["environment"])
        assert not told & {"GONGZHI_DATABASE_OWNER_PASSWORD", "GONGZHI_DATABASE_ADMIN_URL", "PGPASSWORD"}

    def test_sets_only_variables_the_platform_knows(self, compose: dict[str, Any]) -> None:
        """An unknown one would stop the start."""
        told = {key for service in compose["services"].values() for key in service["environment"]}
        assert settings_named(told) == set()

    def test_keeps_the_database_and_the_key_ring(self, compose: dict[str, Any]) -> None:
        services = compose["services"]
        assert services["db"]["volumes"] == ["database:/var/lib/postgresql"]
        assert {name for name in services if "data:/var/lib/gongzhi" in services[name]["volumes"]} == {
            "migrate",
            "web",
            "worker",
        }
        assert set(compose["volumes"]) == {"database", "data"}

    def test_publishes_to_the_host_alone_unless_told(self, compose: dict[str, Any]) -> None:
        assert compose["services"]["web"]["ports"] == ["${PUBLISH:-127.0.0.1:8000}:8000"]
        assert [name for name, service in compose["services"].items() if "ports" in service] == ["web"]

    def test_builds_from_a_dockerfile_that_is_there(self, compose: dict[str, Any]) -> None:
        build = compose["services"]["web"]["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


class TestEnvExample:
    def test_names_every_variable_compose_asks_for(self) -> None:
        text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
        assert set(re.findall(r"\$\{(\w+)", text)) == set(example())

    def test_holds_no_secret(self) -> None:
        assert {name: value for name, value in example().items() if SECRET.search(name) and value} == {}

    def test_has_its_filled_in_copy_ignored(self) -> None:
        assert (DEPLOY / ".gitignore").read_text(encoding="utf-8").splitlines() == [".env"]


class TestDockerfile:
    def test_fetches_nothing_by_url(self, dockerfile: list[tuple[str, str]]) -> None:
        assert all(instruction != "ADD" for instruction, _ in dockerfile)
        assert "://" not in " ".join(rest for instruction, rest in dockerfile if instruction == "RUN")

    def test_installs_only_what_the_lock_knows(self, dockerfile: list[tuple[str, str]]) -> None:
        runs = [rest for instruction, rest in dockerfile if instruction == "RUN"]
        commands = [part.strip() for run in runs for part in run.split("&&")]
        installs = [command for command in commands if command.startswith(("pip install", "pip wheel"))]
        assert len(installs) == 3
        for command in installs:
            assert "--require-hashes" in command or ("--no-deps" in command and "--no-index" in command)

    def test_finds_the_build_back_end_in_the_lock(self) -> None:
        """The wheel is built without isolation, hence without fetching anything."""
        assert re.search(
            r"^hatchling==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
        )

    def test_names_no_foreign_index(self) -> None:
        requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
        assert "--index-url" not in requirements
        assert "://" not in requirements

    def test_copies_what_is_there_and_is_not_ignored(self, dockerfile: list[tuple[str, str]]) -> None:
        ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        rules = [line for line in ignore if line and not line.startswith("#")]
        assert rules[0] == "*"
        allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
        copied = {
            source
            for instruction, rest in dockerfile
            if instruction == "COPY" and "--from=" not in rest
            for source in shlex.split(rest)[:-1]
        }
        assert copied == allowed
        assert all((ROOT / source).exists() for source in copied)

    def test_copies_every_folder_of_the_wheel(self, dockerfile: list[tuple[str, str]]) -> None:
        copied = {rest.split()[0] for instruction, rest in dockerfile if instruction == "COPY"}
        folders = set(wheel_folders())
        assert folders
        assert folders <= copied

    def test_leaves_the_door_outside(self) -> None:
        """``.dev/gongzhi`` is a link to the checkout itself: in an image it would be a second one."""
        rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        allowed = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
        assert not any(fnmatch.fnmatch(".dev", rule) for rule in allowed)

    def test_runs_as_nobody_special(self, dockerfile: list[tuple[str, str]]) -> None:
        """The last stage changes user after its last step that writes, and stays there."""
        start = max(index for index, (instruction, _) in enumerate(dockerfile) if instruction == "FROM")
        last = dockerfile[start:]
        [(position, user)] = [(index, rest) for index, (name, rest) in enumerate(last) if name == "USER"]
        assert user == "10001:10001"
        assert position > max(index for index, (name, _) in enumerate(last) if name in ("RUN", "COPY"))

    def test_starts_the_web_and_can_tell_when_it_is_ready(self, dockerfile: list[tuple[str, str]]) -> None:
        said = dict(dockerfile)
        assert said["ENTRYPOINT"] == '["gongzhi"]'
        assert said["CMD"] == '["serve"]'
        options, _, command = said["HEALTHCHECK"].partition("CMD ")
        assert "--start-period=" in options
        program, *arguments = msgspec.json.decode(command, type=list[str])
        assert program == "python"
        compile(arguments[-1], "HEALTHCHECK", "exec")
        assert "'http://127.0.0.1:8000/health/ready'" in arguments[-1]

    def test_sets_only_variables_the_platform_knows(self, dockerfile: list[tuple[str, str]]) -> None:
        told = [rest for instruction, rest in dockerfile if instruction == "ENV"]
        names = {pair.split("=", 1)[0] for rest in told for pair in shlex.split(rest)}
        assert "GONGZHI_DATA_DIR" in names
        assert settings_named(names) == set()


def wheel_folders() -> list[str]:
    """The top-level folders that make up the installed package."""
    project = msgspec.toml.decode((ROOT / "pyproject.toml").read_bytes())
    folders: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    return folders


def sections(unit: str) -> dict[str, dict[str, str]]:
    """A unit's keys by section; a key may stand twice, then the last one counts."""
    read: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in (DEPLOY / unit).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = read.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            current[key] = value
    return read


@pytest.mark.parametrize("unit", UNITS)
class TestUnits:
    def test_run_the_right_command_as_the_right_user(self, unit: str) -> None:
        service = sections(unit)["Service"]
        command = {"gongzhi-web.service": "serve", "gongzhi-worker.service": "worker"}[unit]
        assert service["ExecStart"] == f"/opt/gongzhi/bin/gongzhi {command}"
        assert service["User"] == "gongzhi"
        assert service["EnvironmentFile"] == "/etc/gongzhi/gongzhi.env"
        assert service["StateDirectory"] == "gongzhi"
        assert service["StateDirectoryMode"] == "0700"

    def test_end_gently_and_come_back_after_a_failure(self, unit: str) -> None:
        service = sections(unit)["Service"]
        assert service["Restart"] == "on-failure"
        assert service["KillSignal"] == "SIGTERM"
        assert int(service["TimeoutStopSec"].removesuffix("s")) >= 30

    def test_are_hardened(self, unit: str) -> None:
        service = sections(unit)["Service"]
        wanted = {
            "NoNewPrivileges": "true",
            "ProtectSystem": "strict",
            "ProtectHome": "true",
            "PrivateTmp": "true",
            "PrivateDevices": "true",
            "CapabilityBoundingSet": "",
            "RestrictSUIDSGID": "true",
        }
        assert wanted.items() <= service.items()

    def test_are_started_with_the_machine(self, unit: str) -> None:
        assert sections(unit)["Install"] == {"WantedBy": "multi-user.target"}

    def test_carry_no_secret(self, unit: str) -> None:
        text = (DEPLOY / unit).read_text(encoding="utf-8")
        assert not re.search(r"^Environment=.*(?:PASSWORD|URL)", text, re.MULTILINE)

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
    def test_satisfy_systemd(self, unit: str, tmp_path: Path) -> None:
        """systemd wants the program to exist, so another stands in; what it says of other units is not ours."""
        copy = tmp_path / unit
        text = (DEPLOY / unit).read_text(encoding="utf-8")
        copy.write_text(text.replace("/opt/gongzhi/bin/gongzhi", sys.executable), encoding="utf-8")
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(copy)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert [line for line in done.stderr.splitlines() if unit in line] == []
