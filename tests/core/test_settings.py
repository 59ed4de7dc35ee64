"""Settings: environment over file, each checked by name, no secret shown."""

from pathlib import Path

import pytest
from rich.pretty import pretty_repr

from gongzhi.core.errors import Misconfigured
from gongzhi.core.settings import Settings


@pytest.fixture
def load(tmp_path):
    """Load with these variables, and a gongzhi.toml of this text in the data folder."""

    def load(toml=None, **variables):
        if toml is not None:
            (tmp_path / "gongzhi.toml").write_text(toml, encoding="utf-8")
        environ = {f"GONGZHI_{name.upper()}": value for name, value in variables.items()}
        return Settings.load({"GONGZHI_DATA_DIR": str(tmp_path), "HOME": "/", **environ})

    return load


class TestLoad:
    def test_has_safe_defaults(self, load, tmp_path):
        settings = load()
        assert (settings.mode, settings.host, settings.port) == ("production", "127.0.0.1", 8000)
        assert (settings.database_url, settings.broker_url) == (None, None)
        assert settings.keys == tmp_path / "keys.json"

    def test_reads_the_file_of_the_data_folder(self, load):
        assert load('port = 81\nmode = "development"').port == 81

    def test_lets_the_environment_win(self, load):
        settings = load('port = 81\nhost = "::1"', port="82")
        assert (settings.port, settings.host) == (82, "::1")

    def test_takes_an_empty_variable_for_unset(self, load):
        assert load("port = 81", port="").port == 81

    def test_reads_another_file_when_one_is_named(self, load, tmp_path):
        other = tmp_path / "other.toml"
        other.write_text("port = 83", encoding="utf-8")
        assert load("port = 81", config=str(other)).port == 83

    def test_expands_the_home_folder(self, load):
        assert load(key_file="~/keys.json").keys == Path.home() / "keys.json"

    def test_leaves_a_text_of_digits_or_null_alone(self, load):
        """A password may look like a number."""
        settings = load(database_app_password="0123", database_owner_password="null")
        assert settings.database_passwords == {"gongzhi_app": "0123", "gongzhi_owner": "null"}

    @pytest.mark.parametrize(
        ("toml", "variables", "en", "zh"),
        [
            (None, {"porto": "1"}, "unknown: GONGZHI_PORTO", "没有这样的设置：GONGZHI_PORTO"),
            (None, {"port": "x"}, "GONGZHI_PORT: Expected `int`, got `str`", "GONGZHI_PORT：应为整数"),
            (None, {"port": "70000"}, "GONGZHI_PORT: Expected `int` <= 65535", "GONGZHI_PORT：不能大于65535"),
            (
                None,
                {"mode": "fast"},
                "GONGZHI_MODE: this value is not allowed (development | production)",
                "GONGZHI_MODE：不是允许的值 (development | production)",
            ),
            ("porto = 1", {}, "unknown: porto ({file})", "没有这样的设置：porto ({file})"),
            ('port = "x"', {}, "port ({file}): Expected `int`, got `str`", "port ({file})：应为整数"),
        ],
    )
    def test_refuses_what_does_not_fit_and_names_its_source(self, load, tmp_path, toml, variables, en, zh):
        with pytest.raises(Misconfigured) as refused:
            load(toml, **variables)
        file = str(tmp_path / "gongzhi.toml")
        assert refused.value.message("en") == f"The configuration is wrong: {en.replace('{file}', file)}"
        assert refused.value.message("zh") == f"配置有误：{zh.replace('{file}', file)}"

    @pytest.mark.parametrize("toml", ["port = ", "port = 1\nport = 2"])
    def test_refuses_a_file_that_is_no_toml(self, load, toml):
        with pytest.raises(Misconfigured, match=r"gongzhi\.toml cannot be read"):
            load(toml)

    def test_refuses_a_named_file_that_is_not_there(self, load):
        with pytest.raises(Misconfigured, match=r"/nowhere\.toml cannot be read"):
            load(config="/nowhere.toml")


SECRETS = {
    "database_app_password": "hidden-1",
    "database_owner_password": "hidden-2",
    "database_system_password": "hidden-3",
    "database_url": "postgresql://h/hidden-4",
    "database_admin_url": "postgresql://u:hidden-5@h/d",
    "broker_url": "redis://:hidden-6@h",
}


class TestSettings:
    @pytest.mark.parametrize("show", [repr, str, pretty_repr, "{}".format])
    def test_show_no_secret(self, load, show):
        shown = show(load(**SECRETS))
        assert "port=8000" in shown
        assert "hidden" not in shown

    def test_refused_show_no_secret(self, load):
        """Not even a secret of the wrong type."""
        with pytest.raises(Misconfigured) as refused:
            load("database_app_password = 123456789")
        assert "123456789" not in str(refused.value)
        assert refused.value.__cause__ is None
