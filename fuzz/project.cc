// A project of any bytes is read or refused. Input: spark-pipeline.yml, a SQL file and
// databricks.yml, separated by zero bytes.
#include "base/text.h"
#include "engine/engine.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ticklake;
  auto parts = split({reinterpret_cast<const char*>(data), size}, '\0');
  const char* names[] = {"p/spark-pipeline.yml", "p/transformations/a.sql", "p/databricks.yml"};
  for (bool bundle : {false, true}) {
    io::MemoryFiles files;
    for (size_t i = bundle ? 1 : 0; i < parts.size() && i < 3; ++i) {
      (void)files.put(names[i], parts[i]);
    }
    auto project = engine::load_project(files, "p");
    if (project) (void)engine::parallelism(*project);
  }
  return 0;
}
