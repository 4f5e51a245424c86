"""Files as evidence: what is kept of their names."""

import pytest

from app.domain.errors import NotFound
from app.services import Services
from app.services.identity import Principal


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\map.pdf", "map.pdf"),
        ("Tür 門.png", "Tür 門.png"),
        ("a\x00b\x1f\u202e.txt", "ab.txt"),
        ("..", "file"),
        ("", "file"),
        ("x" * 300 + ".txt", "x" * 196 + ".txt"),
    ],
)
def test_names_are_no_paths_and_can_be_shown(
    services: Services, owner: Principal, sent: str, kept: str
) -> None:
    assert services.files.upload(owner, sent, "text/plain", b"x")["name"] == kept


def test_other_workspaces_do_not_find_it(services: Services, owner: Principal) -> None:
    file_id = services.files.upload(owner, "a.txt", "text/plain", b"x")["file_id"]
    stored, content = services.files.get(owner.workspace_id, file_id)
    assert (stored.name, content) == ("a.txt", b"x")
    with pytest.raises(NotFound):
        services.files.get("ws_other", file_id)
