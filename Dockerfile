# Rini's web server, worker, clock and commands: one image, started with different commands.
FROM python:3.13-slim AS packages
COPY requirements.txt .
# Wheels only: the image has no compiler, and nothing is built from unchecked sources.
RUN python -m venv /packages \
 && /packages/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r requirements.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home rini
COPY --from=packages /packages /packages
ENV PATH=/packages/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /rini
COPY . .
# The settings want a data folder while they load; nothing of it stays.
RUN RINI_DATA_DIR=/tmp/build python manage.py collectstatic --noinput --verbosity 0 \
 && rm -r /tmp/build \
 && pybabel --quiet compile --domain django --directory rini/locale \
 && python -m compileall -q .
# A volume here takes the owner over.
RUN install --directory --owner rini --mode 0700 /data
ENV RINI_DATA_DIR=/data
USER rini
EXPOSE 8000
CMD ["python", "-m", "rini.server", "--host", "0.0.0.0", "--port", "8000"]
