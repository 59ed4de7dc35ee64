"""A blueprint fits what is installed, or is refused with what is wrong."""

import textwrap

import pytest

from gongzhi.core.api import PluginCard, Plugins
from gongzhi.core.hookspecs import hookimpl
from gongzhi.tenants.blueprints import _HOUSE, BlueprintUnfit, GridTemplate, load_blueprint

TITLES = 'zh = "试验"\nen = "Trial"\n'


@pytest.fixture
def plugins():
    return Plugins.installed()


@pytest.fixture
def written(tmp_path):
    """A blueprint file with this content."""

    def write(content: str | bytes) -> str:
        path = tmp_path / "trial.toml"
        text = content if isinstance(content, bytes) else (TITLES + textwrap.dedent(content)).encode()
        path.write_bytes(text)
        return str(path)

    return write


class TestHouse:
    @pytest.mark.parametrize("name", [path.stem for path in _HOUSE.glob("*.toml")])
    def test_blueprint_fits(self, name, plugins):
        assert load_blueprint(name, plugins).zh

    def test_standard_switches_nothing_on(self, plugins):
        standard = load_blueprint("standard", plugins)

        assert (standard.plugins, standard.roles, standard.grids.count) == ([], [], 0)

    def test_mediation_says_what_a_community_begins_with(self, plugins):
        mediation = load_blueprint("mediation", plugins)

        assert mediation.plugins == ["mediation"]
        assert mediation.settings["mediation"]["due_days"] == 30
        assert mediation.grids.named(1) == "第1网格"


class TestFile:
    def test_is_read(self, written, plugins):
        blueprint = load_blueprint(
            written('roles = ["mediator"]\n[grids]\ncount = 15\nname = "网格{n}"'), plugins
        )

        assert blueprint.roles == ["mediator"]
        assert blueprint.grids == GridTemplate(count=15, name="网格{n}")

    def test_gets_settings_whole(self, written, plugins):
        """What is kept is what the plugin would read, defaults filled in."""
        partly = load_blueprint(
            written('plugins = ["mediation"]\n[settings.mediation]\ndue_days = 10'), plugins
        )
        whole = load_blueprint(written('plugins = ["mediation"]\n[settings.mediation]'), plugins)

        assert partly.settings["mediation"] == whole.settings["mediation"] | {"due_days": 10}

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", "zh"),
            (b'zh = "x"', "en"),
            (b"zh = ", "Invalid value"),
            (b"\xff\xfe", "utf-8"),
            (b"zh = 1\nen = 'x'", r"Expected `str`, got `int` - at `\$.zh`"),
            ("colour = 1", "colour"),
            ("plugins = 'mediation'", "Expected `array`"),
            ('plugins = ["astrology"]', "no plugin 'astrology' to switch on"),
            ('plugins = ["tenants"]', "no plugin 'tenants' to switch on"),
            ('plugins = ["mediation", "mediation"]', "named twice"),
            ('roles = ["king", "mediator"]', "no role king"),
            ("[grids]\ncount = -1", ">= 0"),
            ("[grids]\ncount = 900", "<= 899"),
            ('[grids]\ncount = "15"', "Expected `int`"),
            ('[grids]\nname = ""', "length >= 1"),
            ("[grids]\nshape = 1", "shape"),
            ("[settings.mediation]\ndue_days = 10", "settings.mediation: not switched on"),
            ("[settings.astrology]", "settings.astrology"),
            (
                'plugins = ["mediation"]\n[settings.mediation]\ndue_days = "soon"',
                "settings.mediation: Expected",
            ),
            ('plugins = ["mediation"]\n[settings.mediation]\ncolour = 1', "settings.mediation: .*colour"),
        ],
    )
    def test_that_does_not_fit_is_refused(self, content, problem, written, plugins):
        with pytest.raises(BlueprintUnfit, match=problem) as refused:
            load_blueprint(written(content), plugins)

        assert refused.value.code == "BLUEPRINT_UNFIT"

    def test_that_lacks_what_a_plugin_requires_is_refused(self, written):
        class Base:
            @staticmethod
            @hookimpl
            def plugin_card():
                return PluginCard(name="base", zh="基", en="base", version="1")

        class Above:
            @staticmethod
            @hookimpl
            def plugin_card():
                return PluginCard(name="above", zh="上", en="above", version="1", requires=("base",))

        plugins = Plugins.of([("base", Base), ("above", Above)])

        with pytest.raises(BlueprintUnfit, match="above requires base"):
            load_blueprint(written('plugins = ["above"]'), plugins)
        assert load_blueprint(written('plugins = ["above", "base"]'), plugins).settings == {}

    @pytest.mark.parametrize(
        "name", ["unknown", "../blueprints", "", "/etc/passwd", "standard\n", "nowhere.toml"]
    )
    def test_that_is_not_there_is_told_with_those_that_are(self, name, plugins):
        with pytest.raises(BlueprintUnfit, match="known: mediation, standard"):
            load_blueprint(name, plugins)

    def test_that_is_a_folder_is_refused(self, tmp_path, plugins):
        folder = tmp_path / "folder.toml"
        folder.mkdir()

        with pytest.raises(BlueprintUnfit, match="directory"):
            load_blueprint(str(folder), plugins)


class TestGridTemplate:
    @pytest.mark.parametrize("name", ["{", "{x}", "{n.__class__}", "{0}", "{n!r:>99999999}"])
    def test_takes_a_number_and_no_program(self, name):
        """A name is text; of braces only {n} means something."""
        assert GridTemplate(name=name).named(7) == name
        assert GridTemplate(name="{n}号{n}").named(7) == "7号7"
