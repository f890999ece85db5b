# Libraries that tools/setup.sh put into the cache, as imported targets third_party::*.
if(DEFINED ENV{TICKLAKE_CACHE})
  set(cache $ENV{TICKLAKE_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(cache $ENV{XDG_CACHE_HOME}/ticklake)
else()
  set(cache $ENV{HOME}/.cache/ticklake)
endif()
set(TICKLAKE_CACHE ${cache} CACHE PATH "where tools/setup.sh installs")

function(shared_library name path include)
  if(NOT EXISTS ${path})
    message(FATAL_ERROR "${path} is missing: run tools/setup.sh build")
  endif()
  add_library(third_party::${name} SHARED IMPORTED GLOBAL)
  set_target_properties(third_party::${name} PROPERTIES IMPORTED_LOCATION ${path}
    INTERFACE_INCLUDE_DIRECTORIES ${include} INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${include})
endfunction()

set(arrow ${TICKLAKE_CACHE}/arrow-26.0.1)
shared_library(arrow ${arrow}/lib/libarrow.so.2600 ${arrow}/include)
shared_library(arrow_compute ${arrow}/lib/libarrow_compute.so.2600 ${arrow}/include)
shared_library(parquet ${arrow}/lib/libparquet.so.2600 ${arrow}/include)
set(duckdb ${TICKLAKE_CACHE}/duckdb-1.5.6)
shared_library(duckdb ${duckdb}/lib/libduckdb.so ${duckdb}/include)

find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(yaml_cpp REQUIRED IMPORTED_TARGET yaml-cpp)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)

set(librdkafka ${TICKLAKE_CACHE}/librdkafka-2.15.1)
add_library(third_party::rdkafka STATIC IMPORTED GLOBAL)
set_target_properties(third_party::rdkafka PROPERTIES IMPORTED_LOCATION ${librdkafka}/lib/librdkafka.a
  INTERFACE_INCLUDE_DIRECTORIES ${librdkafka}/include INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${librdkafka}/include)
target_link_libraries(third_party::rdkafka INTERFACE
  CURL::libcurl PkgConfig::zstd OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB dl pthread)

# For the program alone: records are allocated on a client's thread and freed on another, which glibc's heap does slowly.
find_library(TICKLAKE_JEMALLOC libjemalloc_pic.a REQUIRED)

# simdjson is compiled in and hidden: libarrow and libparquet export an older one under the same names.
set(simdjson ${TICKLAKE_CACHE}/simdjson-3.12.3)
add_library(simdjson STATIC ${simdjson}/simdjson.cpp)
target_include_directories(simdjson SYSTEM PUBLIC ${simdjson})
target_compile_options(simdjson PRIVATE -fvisibility=hidden -O3)
add_library(third_party::simdjson ALIAS simdjson)
