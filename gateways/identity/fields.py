"""Whether the fields of a form are as its schema wants them: at the client, and at the checker."""

from typing import Any

import jsonschema_rs


class FieldsInvalid(Exception):
    """The text says what is wrong where; it may hold what was given."""


def validate_fields(schema: dict[str, Any], fields: Any) -> None:
    """Nothing is fetched for the schema, and its patterns cannot backtrack. Raises
    FieldsInvalid."""
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            retriever=_refuse,
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(),
        )
        problem = next(iter(validator.iter_errors(fields)), None)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        raise FieldsInvalid("the form's schema cannot be used") from None
    if problem is not None:
        where = "/".join(map(str, problem.instance_path)) or "the form"
        raise FieldsInvalid(f"{where}: {problem.message}"[:300])


def _refuse(uri: str) -> Any:
    raise ValueError(f"a schema refers to itself only, not to {uri[:100]}")
