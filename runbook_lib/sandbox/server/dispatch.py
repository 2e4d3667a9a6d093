"""Which of moto's services a request is for, where moto would load one that is not installed."""

from __future__ import annotations

from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication


class ServiceDispatcher(DomainDispatcherApplication):
    """API Gateway's two services sign alike; moto serves both from the older one, which wants further packages."""

    def infer_service_region_host(self, environ: dict[str, Any], path: str) -> str | None:
        """Called by the base class with each request."""
        if "/apigateway/aws4_request" in environ.get("HTTP_AUTHORIZATION", "") and path.startswith("/v2/"):
            return "apigatewayv2"
        host: str | None = super().infer_service_region_host(environ, path)
        return host
