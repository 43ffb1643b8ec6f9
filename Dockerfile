FROM python:3.11-slim AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m pip wheel --no-deps --wheel-dir /dist .
RUN python -m venv /opt/offers \
    && /opt/offers/bin/pip install --constraint constraints.txt /dist/*.whl \
    && /opt/offers/bin/offers --help > /dev/null

FROM python:3.11-slim
# OpenMP's runtime, which the wheel of implicit expects of the system.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin offers \
    && install --directory --owner offers --group offers /data
COPY --from=build /opt/offers /opt/offers
ENV PATH=/opt/offers/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OFFERS_DATA_DIR=/data \
    OFFERS_HOST=0.0.0.0
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Exec form: offers is process 1, takes SIGTERM itself and waits for its own children. No init is needed.
ENTRYPOINT ["offers"]
CMD ["serve"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('OFFERS_PORT', '8080') + '/readyz', timeout=2)"]
