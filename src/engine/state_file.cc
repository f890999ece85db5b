#include "state_file.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <fmt/format.h>

#include "base/hash.h"

namespace ticklake::engine {

StateFiles::StateFiles(io::FileStore& files, const io::Path& table, const std::string& owner,
                       const std::string& prefix)
    : files_(&files),
      folder_(fmt::format("{}/_ticklake/{:016x}", table, fnv1a(owner))),
      start_(fmt::format("{:016x}-", fnv1a(prefix))) {}

std::string StateFiles::name(int64_t number) const {
  return fmt::format("{}{:020}.arrow", start_, number);
}

Result<void> StateFiles::write(int64_t number, const Batches& rows, const Schema& schema) {
  auto sink = TRY_ARROW(arrow::io::BufferOutputStream::Create());
  auto type = to_arrow(schema);
  auto writer = TRY_ARROW(arrow::ipc::MakeStreamWriter(sink, type));
  for (const auto& batch : rows) {
    // Rows that SQL made say of some columns that they hold no NULL.
    auto as_stored = arrow::RecordBatch::Make(type, batch->num_rows(), batch->columns());
    TRY_STATUS(writer->WriteRecordBatch(*as_stored));
  }
  TRY_STATUS(writer->Close());
  auto buffer = TRY_ARROW(sink->Finish());
  return files_->put(folder_ + "/" + name(number), std::string_view(*buffer));
}

Result<Batches> StateFiles::read(int64_t number) {
  std::string bytes = TRY(files_->read(folder_ + "/" + name(number)));
  auto buffer = arrow::Buffer::FromString(std::move(bytes));
  auto source = std::make_shared<arrow::io::BufferReader>(std::move(buffer));
  auto reader = TRY_ARROW(arrow::ipc::RecordBatchStreamReader::Open(source));
  return TRY_ARROW(reader->ToRecordBatches());
}

Result<void> StateFiles::keep_only(int64_t number) {
  auto found = TRY(files_->list(folder_));
  for (const auto& file : found) {
    if (!file.path.ends_with(name(number))) TRY(files_->remove(file.path));
  }
  return {};
}

}  // namespace ticklake::engine
