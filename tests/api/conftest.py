"""What the tests of the API begin with."""

import pytest

from billing.conftest import make_order


@pytest.fixture
def program(anna):
    """A program that may do all that Anna's owner may give to one."""
    return anna.program()


@pytest.fixture
def practice(program):
    """A practice, as the API told it when it was made."""
    answer = program.post("practices", {"customer_number": "1001", "name": "Praxis Dr. Weber"})
    assert answer.status_code == 201, answer.content
    return answer.json()


@pytest.fixture
def order(anna):
    """A finished order with positions."""
    with anna.at_work():
        return make_order()
