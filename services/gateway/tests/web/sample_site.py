"""The sample pages as a site of their own, with the gateway's policy and a live socket: for browsers in tests.

Only the data are invented: templates, styles, islands, headers and the wire of the socket are the real ones.
"""

import asyncio
import json
from pathlib import Path

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from sample_pages import SAMPLES, endpoints, flows, workflow
from sample_pages.frame import NOW, shell

from gateway.application.views.shell import Notice
from gateway.domain.workflow_yaml import workflow_schema
from gateway.entrypoints.middleware import policy
from gateway.entrypoints.web.assets import Assets
from gateway.entrypoints.web.templating import Frame, Templates


class SampleSite:
    """Serves each sample under ``/p/<name>``; ``tell`` sends a live message, ``change`` puts another context in place."""

    def __init__(self, ui: Path) -> None:
        self.templates = Templates(ui / "templates", Assets.load(ui / "dist"))
        self.sockets: set[WebSocket] = set()
        self.changed: dict[str, object] = {}
        self.posted: list[tuple[str, dict[str, str]]] = []
        self.notice: Notice | None = None
        self.seq = 0
        self.app = FastAPI(openapi_url=None)
        self.app.mount("/static", StaticFiles(directory=ui / "dist"))
        self.app.get("/p/{name}")(self.page)
        self.app.get("/api/workflows/schema.json")(workflow_schema)
        self.app.get("/workflows/order-processing/start/")(self.start_form)
        self.app.post("/workflows/order-processing/start/")(self.start)
        self.app.post("/workflows/validate/")(self.validate)
        self.app.post("/clusters/test/")(self.test)
        self.app.post("/{path:path}")(self.post)
        self.app.websocket("/live")(self.live)

    async def page(self, name: str, request: Request) -> Response:
        template, active, make = SAMPLES[name]
        frame = Frame(now=NOW, csrf="the-form-token", nonce="c2FtcGxl", path=request.url.path, seq=self.seq)
        context = {"shell": shell(), "active": active, "notice": self.notice, "page": self.changed.get(name) or make()}
        part = request.query_params.get("part")
        if part:
            source = "sidebar.html" if part == "services" else template
            html = self.templates.part(source, part, frame, context)
        else:
            html = self.templates.page(template, frame, context)
        return HTMLResponse(html, headers={"Content-Security-Policy": policy(frame.nonce)})

    async def validate(self, request: Request) -> Response:
        text = (await request.body()).decode()
        found = flows.editor().validation if "orders-mw" in text else flows.editor().validation.model_copy(update={"diagnostics": ()})
        return JSONResponse(found.model_dump(mode="json") | {"valid": found.valid, "summary": "1 finding" if not found.valid else "Valid"})

    async def start_form(self) -> Response:
        return HTMLResponse(self._start_form(workflow.start_form(version=6)))

    async def start(self, request: Request) -> Response:
        """Refuses what has no day, as the gateway does."""
        typed = {key: str(value) for key, value in (await request.form()).items()}
        if not typed.get("inputs.day"):
            return HTMLResponse(self._start_form(workflow.start_wrong().start), status_code=422)
        return await self.post("workflows/order-processing/start/", request)

    def _start_form(self, start: object) -> str:
        frame = Frame(now=NOW, csrf="the-form-token", nonce="n", path="/")
        context = {"page": workflow.start_page().model_copy(update={"start": start}), "shell": None, "active": "", "notice": None}
        return self.templates.part("workflows/start.html", "start_form", frame, context)

    async def test(self) -> Response:
        frame = Frame(now=NOW, csrf="t", nonce="n", path="/")
        page = endpoints.endpoint_edit()
        return HTMLResponse(
            self.templates.part("endpoints/form.html", "test", frame, {"page": page, "shell": None, "active": "", "notice": None})
        )

    async def post(self, path: str, request: Request) -> Response:
        self.posted.append((f"/{path}", {key: str(value) for key, value in (await request.form()).items()}))
        said = json.dumps({"flowtower:said": {"text": "Asked. Airflow confirms it in a moment.", "tone": "ok"}})
        return Response(status_code=204, headers={"HX-Trigger": said})

    async def live(self, socket: WebSocket) -> None:
        await socket.accept()
        self.sockets.add(socket)
        await socket.send_json({"kind": "hello", "seq": self.seq})
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            self.sockets.discard(socket)

    async def tell(self, kind: str, ident: str) -> None:
        self.seq += 1
        await asyncio.gather(*(socket.send_json({"seq": self.seq, "kind": kind, "id": ident}) for socket in self.sockets))
