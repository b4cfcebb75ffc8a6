"""What a service may take from the environment."""

from infra.local.environment import forget_clients, forget_postgres, make_environment

HOSTILE = {
    "PGOPTIONS": "-c synchronous_commit=off",
    "PGSSLMODE": "require",
    "PGSERVICE": "none",
    "PGHOSTADDR": "192.0.2.1",
    "PGREQUIREAUTH": "none",
    "PGCLIENTENCODING": "nonsense",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "SSL_CERT_FILE": "/nonexistent",
    "JAVA_TOOL_OPTIONS": "-Xmx1k",
    "BROKER_URL": "kafka://192.0.2.1",
}
HARMLESS = {"PATH": "/bin", "HOME": "/home/a", "TZ": "Asia/Tokyo"}


def test_processes_inherit_a_short_list() -> None:
    environ = {**HOSTILE, **HARMLESS, "TOKEND_SEED": "S..."}
    assert make_environment(environ) == {**HARMLESS, "LC_ALL": "C.UTF-8"}


def test_a_service_keeps_its_settings_and_forgets_the_rest() -> None:
    ours = {"TOKEND_HOST": "::", "_TOKEND_DEPLOYMENT": "x"}
    environ = {**HOSTILE, **HARMLESS, **ours}
    forget_clients(environ)
    assert environ == {**HARMLESS, **ours, "LC_ALL": "C.UTF-8"}


def test_verbs_keep_proxies_for_outside_and_forget_postgresql() -> None:
    environ = {**HOSTILE, **HARMLESS}
    forget_postgres(environ)
    assert environ == {k: v for k, v in {**HOSTILE, **HARMLESS}.items() if k[:2] != "PG"}
