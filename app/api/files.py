"""``/api/files``: evidence, taken in and given back."""

import io

from flask import Response, request, send_file
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from app.api import schemas
from app.api.blueprint import Blueprint
from app.api.encoding import reply
from app.api.guard import caller, users_only
from app.api.limits import Limits
from app.services import Services


def create_blueprint(services: Services, limits: Limits) -> Blueprint:
    """Build the routes."""
    blueprint = Blueprint("files", __name__, url_prefix="/api/files", description="Files")
    files = services.files

    @blueprint.post("")
    @blueprint.doc(requestBody={"content": {"multipart/form-data": {"schema": schemas.FileUpload}}})
    @blueprint.response(201, schemas.File)
    def upload() -> Response:
        """Keep a file, sent as the multipart field ``file``: a person's or an agent's."""
        sent = request.files.get("file")
        if sent is None:
            raise BadRequest("Send the file as the multipart field 'file'.")
        content = sent.read(limits.file_bytes + 1)
        if len(content) > limits.file_bytes:
            told = f"A file has at most {limits.file_bytes} bytes; give larger ones as links."
            raise RequestEntityTooLarge(told)
        view = files.upload(caller(), sent.filename or "", sent.mimetype, content)
        return reply(view, 201, Location=view["url"])

    @blueprint.get("/<file_id>")
    @blueprint.response(
        200, {"type": "string", "format": "binary"}, content_type="application/octet-stream"
    )
    @users_only
    def download(file_id: str) -> Response:
        """Give a file as a download: never shown in this site's name."""
        stored, content = files.get(caller().workspace_id, file_id)
        response = send_file(
            io.BytesIO(content),
            mimetype=stored.content_type,
            as_attachment=True,
            download_name=stored.name,
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response.headers["Cache-Control"] = "private, no-store"
        return response

    return blueprint
