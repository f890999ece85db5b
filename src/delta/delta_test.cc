#include "delta/delta.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cstring>

namespace ticklake::delta {
namespace {

#define ASSERT_OK(result) ASSERT_TRUE(result) << (result).error().message

Schema ticks() {
  return Schema{
      {Field{"symbol", Kind::String}, Field{"price", Kind::Double}, Field{"day", Kind::Date}}};
}

BatchPtr tick_rows(int64_t count, int32_t days) {
  arrow::StringBuilder symbols;
  arrow::DoubleBuilder prices;
  arrow::Date32Builder dates;
  for (int64_t i = 0; i < count; ++i) {
    EXPECT_TRUE(symbols.Append("S" + std::to_string(i % 5)).ok());
    EXPECT_TRUE(prices.Append(static_cast<double>(i) / 4).ok());
    EXPECT_TRUE(dates.Append(20000 + static_cast<int32_t>(i % days)).ok());
  }
  return arrow::RecordBatch::Make(to_arrow(ticks()), count,
                                  {*symbols.Finish(), *prices.Finish(), *dates.Finish()});
}

TEST(DeltaTable, IsCreatedWrittenCommittedAndRead) {
  io::MemoryFiles files;
  io::ManualClock clock(1'700'000'000'000'000);
  Metadata metadata;
  metadata.schema = ticks();
  metadata.partition_columns = {"day"};
  auto table = create(files, clock, "/t", metadata);
  ASSERT_OK(table);
  auto added = write(files, clock, *table, {tick_rows(100, 3)});
  ASSERT_OK(added);
  ASSERT_EQ(added->size(), 3u);
  Transaction transaction;
  transaction.operation = "WRITE";
  transaction.adds = *added;
  transaction.txns = {{"flow", 7}};
  auto next = commit(files, clock, *table, transaction);
  ASSERT_OK(next);
  EXPECT_EQ(next->version(), Version(1));
  auto opened = open(files, "/t");
  ASSERT_OK(opened);
  EXPECT_EQ(opened->version(), Version(1));
  EXPECT_EQ(opened->txn("flow"), 7);
  EXPECT_EQ(opened->file_count(), 3);
  EXPECT_EQ(opened->timestamp_ms(), next->timestamp_ms());
  int64_t rows = 0;
  for (const AddFile& file : opened->files()) {
    auto reader = read(files, *opened, file);
    ASSERT_OK(reader);
    auto read_rows = (*reader)->ToTable();
    ASSERT_TRUE(read_rows.ok()) << read_rows.status().ToString();
    rows += (*read_rows)->num_rows();
    EXPECT_EQ((*read_rows)->num_columns(), 3);
    EXPECT_EQ(file.records(), (*read_rows)->num_rows());
  }
  EXPECT_EQ(rows, 100);
}

Result<std::shared_ptr<arrow::Table>> rows_of(io::FileStore& files, const Snapshot& table,
                                              const AddFile& file) {
  auto reader = TRY(read(files, table, file));
  auto rows = reader->ToTable();
  if (!rows.ok()) return Error{Code::Corrupt, rows.status().message()};
  return *std::move(rows);
}

// Whatever byte of a data file's pages is damaged: an error that names the file, or the rows as
// they were.
TEST(DeltaTable, DamagedPagesNeverGiveOtherRows) {
  io::MemoryFiles files;
  io::ManualClock clock(1'700'000'000'000'000);
  Metadata metadata;
  metadata.schema = ticks();
  auto table = create(files, clock, "/t", metadata);
  ASSERT_OK(table);
  auto added = write(files, clock, *table, {tick_rows(200, 3)});
  ASSERT_OK(added);
  ASSERT_EQ(added->size(), 1u);
  const AddFile& file = added->front();
  io::Path path = "/t/" + file.path;
  auto good = rows_of(files, *table, file);
  ASSERT_OK(good);
  auto bytes = files.read(path);
  ASSERT_OK(bytes);
  uint32_t footer = 0;
  std::memcpy(&footer, bytes->data() + bytes->size() - 8, sizeof footer);
  size_t pages_end = bytes->size() - 8 - footer;
  int64_t errors = 0;
  for (size_t at = 4; at < pages_end; ++at) {
    for (int bit : {0x01, 0x10, 0x80}) {
      std::string damaged = *bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ bit);
      ASSERT_OK(files.put(path, damaged));
      auto rows = rows_of(files, *table, file);
      if (!rows) {
        ++errors;
        EXPECT_NE(rows.error().message.find(file.path), std::string::npos) << rows.error().message;
      } else {
        EXPECT_TRUE((*rows)->Equals(**good)) << "byte " << at << " bit " << bit;
      }
    }
  }
  EXPECT_GT(errors, static_cast<int64_t>(pages_end));
}

}  // namespace
}  // namespace ticklake::delta
