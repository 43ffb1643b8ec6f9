"""What is documented is what is built: settings, problem codes, commands, routes, links, and no registry's host."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from offers.cli.main import COMMANDS, cli
from offers.cli.reference import PAGES
from offers.settings import SETTINGS, read_settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def _tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout: the tracked files are not known")
    return [path for name in done.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_pages_made_from_code_are_fresh(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run: python -m offers.cli.reference docs"


def test_every_setting_has_a_row_with_unit_and_meaning() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    for setting in SETTINGS:
        assert f"`{setting.env}`" in page
        assert setting.unit
        assert setting.help


def test_settings_named_anywhere_exist() -> None:
    known = {setting.env for setting in SETTINGS} | {"OFFERS_KEY"}
    for path in [ROOT / "README.md", ROOT / "compose.yaml", ROOT / "Dockerfile", *DOCS.glob("*.md")]:
        named = set(re.findall(r"\bOFFERS_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
        assert named - known == set(), path.name


def test_the_table_of_commands_is_their_own_help() -> None:
    import click

    context = click.Context(cli)
    for name, (_, about) in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert (command.help or "").splitlines()[0] == about


def test_every_command_is_in_the_docs() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *DOCS.glob("*.md")])
    for name in COMMANDS:
        assert re.search(rf"offers {name}\b", text), f"offers {name} is documented nowhere"


def test_every_route_is_in_the_api_page() -> None:
    from offers.cli.openapi import document

    page = (DOCS / "api.md").read_text(encoding="utf-8")
    for path, operations in document(read_settings({}))["paths"].items():
        for method in operations:
            if method in ("get", "put", "post", "patch", "delete"):
                assert re.search(rf"`{method.upper()} {re.escape(path)}[`?]", page), f"{method.upper()} {path}"


def test_every_column_of_imports_is_in_their_page() -> None:
    from offers.intake.customers_file import CUSTOMER_COLUMNS
    from offers.intake.items_file import ITEM_COLUMNS
    from offers.intake.orders_file import ORDER_COLUMNS

    page = (DOCS / "imports.md").read_text(encoding="utf-8")
    for kind, columns in (("orders", ORDER_COLUMNS), ("items", ITEM_COLUMNS), ("customers", CUSTOMER_COLUMNS)):
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {kind}") and "`" in line]
        assert set(re.findall(r"`(\w+)`", row)) == set(columns), kind


def test_every_event_name_that_is_acted_on_is_in_the_events_page() -> None:
    from offers.domain.event import NAMES, OWN_NAMES, STATUSES

    page = (DOCS / "events.md").read_text(encoding="utf-8")
    for name in [*(set(NAMES) - OWN_NAMES), *STATUSES]:
        assert f"`{name}`" in page, name


def test_every_step_of_degradation_and_relation_is_explained() -> None:
    from offers.domain.offer import FALLBACKS, RELATIONS

    for name in ("api.md", "architecture.md"):
        page = (DOCS / name).read_text(encoding="utf-8")
        assert [step for step in FALLBACKS if f"`{step}`" not in page] == [], name
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert [relation for relation in RELATIONS if f"`{relation}`" not in page] == []


def test_compose_runs_commands_that_exist_on_a_durable_server() -> None:
    import yaml

    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == {"api", "worker", "valkey"}
    assert {services[name]["command"][0] for name in ("api", "worker")} == {"serve", "worker"} <= set(COMMANDS)
    server = " ".join(services["valkey"]["command"])
    assert "--appendonly yes" in server
    assert "--appendfsync always" in server
    assert "--maxmemory-policy noeviction" in server
    assert services["api"]["volumes"] == services["worker"]["volumes"], "the worker tails what the API spools"
    assert all(port.startswith("127.0.0.1:") for port in services["api"]["ports"])


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md"), *ROOT.glob("*/README.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://", "mailto:")):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    page = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    for requirement in wanted:
        name = re.split(r"[\[<>=!~ ]", requirement)[0]
        assert re.search(rf"`{re.escape(name)}[`\[]", page), name


def test_constraints_pin_every_dependency_and_name_no_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_]+", line) for line in lines)
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines}
    extras = project["optional-dependencies"]
    for requirement in [*project["dependencies"], *extras["dev"], *extras["demo"]]:
        name = re.split(r"[\[<>=!~ ]", requirement)[0]
        assert re.sub(r"[-_.]+", "-", name).lower() in pinned, name


def test_no_tracked_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    # Pieces, so that this file does not find itself.
    words = ["/sim" + "ple/", "files.python" + "hosted", "pypi" + ".org", "registry.npm" + "js", "extra-index" + "-url"]
    words += [f"{ROOT}/", f"{ROOT.parent}/shared"]
    for path in _tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        assert not [word for word in words if word in text], path.relative_to(ROOT)


def test_the_example_plan_is_whole() -> None:
    plan = tomllib.loads((ROOT / "experiments" / "checkout-cross-sell.toml").read_text(encoding="utf-8"))
    assert plan["key"] == "checkout-cross-sell"
    assert sum(variant["weight"] for variant in plan["variants"]) == 10_000
