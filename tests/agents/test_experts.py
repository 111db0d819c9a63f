import pytest

from simscale_gym.agents.experts import EXPERTS, make_expert, needs_bank
from simscale_gym.errors import ArgumentError


@pytest.mark.parametrize("name", EXPERTS)
def test_experts_are_made_by_their_names(name, bank):
    expert = make_expert(name, bank if needs_bank(name) else None)
    assert expert.name == name and callable(expert.plan)


@pytest.mark.parametrize("name", [name for name in EXPERTS if needs_bank(name)])
def test_who_retrieves_needs_a_bank(name):
    with pytest.raises(ArgumentError, match=f"{name!r} needs a bank of human futures"):
        make_expert(name)


def test_unknown_experts_are_named_with_the_nearest():
    with pytest.raises(
        ArgumentError, match=r"'planer' is unknown, expected some of .* Did you mean 'planner'"
    ):
        make_expert("planer")
