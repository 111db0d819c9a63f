"""What can be installed beside the core, and the commands that install it."""

import configparser
import json
from pathlib import Path

import pytest

from simscale_gym import extras
from simscale_gym.errors import MissingExtraError
from simscale_gym.extras import EXTRAS, install_command, requirements

ROOT = Path(__file__).parents[1]


class Installed:
    """A distribution that pip wrote down."""

    def __init__(self, direct_url):
        self._text = direct_url and json.dumps(direct_url)
        self.requires = [
            "numpy>=1.26",
            "rich",
            "torch>=2.2; extra == 'gpu'",
            'gsplat<1.6,>=1.5.3; extra == "gpu"',
        ]

    def read_text(self, name):
        return self._text if name == "direct_url.json" else None


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """``installed(direct_url)``: as if the package had been installed from there."""

    def install(direct_url):
        monkeypatch.setattr(
            extras, "__file__", str(tmp_path / "site-packages" / "simscale_gym" / "extras.py")
        )
        monkeypatch.setattr(extras, "distribution", lambda name: Installed(direct_url))

    return install


def test_every_extra_of_the_package_says_what_it_is_for():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert set(EXTRAS) == set(config["options.extras_require"]) - {"test", "lint", "docs"}


def test_a_checkout_installs_itself(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert install_command("data", "rl").endswith("install --editable '.[data,rl]'")
    monkeypatch.chdir(ROOT / "tests")
    assert install_command("data").endswith(f"install --editable '{ROOT}[data]'")


@pytest.mark.parametrize(
    ("direct_url", "wanted"),
    [
        ({"url": "file:///home/me/sim", "dir_info": {}}, "'/home/me/sim[data]'"),
        (
            {"url": "https://host/sim.git", "vcs_info": {"vcs": "git", "commit_id": "1a2b"}},
            "'simscale-gym[data] @ git+https://host/sim.git@1a2b'",
        ),
        ({"url": "https://host/sim.whl", "archive_info": {}}, "'simscale-gym[data] @ https://host/sim.whl'"),
        (None, "'simscale-gym[data]'"),
    ],
)
def test_what_pip_was_given_is_given_again(installed, direct_url, wanted):
    installed(direct_url)
    assert install_command("data").endswith(f" install {wanted}")


def test_a_missing_package_is_answered_with_the_command(installed):
    installed({"url": "file:///home/me/sim", "dir_info": {}})
    assert str(MissingExtraError("torch", "gpu")).endswith("pip install '/home/me/sim[gpu]'")


def test_requirements_are_those_of_the_metadata(installed):
    installed(None)
    assert requirements() == {"numpy": "1.26", "rich": ""}
    assert requirements("gpu") == {"torch": "2.2", "gsplat": "1.5.3"}
