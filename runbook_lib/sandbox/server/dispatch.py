"""Which of moto's services a request is for, where moto would load one that is not installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication


class ServiceDispatcher(DomainDispatcherApplication):
    """API Gateway's two services sign alike; moto serves both from the older one, which wants further packages.

    Which service a host is of does not change; moto lists the folders of all its services for it, with each request.
    """

    def __init__(self, create_app: Callable[..., Any]) -> None:
        super().__init__(create_app)
        self._of_host: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """Called by the base class with each request."""
        if host not in self._of_host:
            self._of_host[host] = super().get_backend_for_host(host)
        return self._of_host[host]

    def infer_service_region_host(self, environ: dict[str, Any], path: str) -> str | None:
        """Called by the base class with each request."""
        if "/apigateway/aws4_request" in environ.get("HTTP_AUTHORIZATION", "") and path.startswith("/v2/"):
            return "apigatewayv2"
        host: str | None = super().infer_service_region_host(environ, path)
        return host
