"""Problem details."""

from gateways.http.problems import PROBLEM_TYPES, STORE_UNAVAILABLE, Problem, render_problem


def test_a_problem_says_what_to_do() -> None:
    problem = Problem(STORE_UNAVAILABLE, "not durable", {"code": "X"})
    rendered = render_problem(problem, "https://horizon.example", "abc")
    assert rendered == {
        "type": "https://horizon.example/docs#problem-store-unavailable",
        "title": STORE_UNAVAILABLE.title,
        "status": 503,
        "detail": "not durable",
        "instance": "urn:request:abc",
        "remedy": STORE_UNAVAILABLE.remedy,
        "code": "X",
    }
    assert problem.headers == {"Retry-After": "1"}


def test_problem_types_are_distinct() -> None:
    assert len({each.slug for each in PROBLEM_TYPES}) == len(PROBLEM_TYPES)
    assert all(each.title and each.remedy.endswith(".") for each in PROBLEM_TYPES)
