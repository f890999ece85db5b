#include "delta/deletion_vector.h"

#include <random>

#include "base/hash.h"
#include "delta/test_table.h"

namespace ticklake::delta {
namespace {

using namespace testing;

RowSet set_of(const std::vector<int64_t>& rows) {
  RowSet out;
  for (int64_t row : rows) out.add(row);
  return out;
}

TEST(DeletionVector, ReadsAnInlineVectorOfAnotherWriter) {
  DeletionVector vector{.storage = 'i',
                        .place = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
                        .size_bytes = 44,
                        .cardinality = 6};
  io::MemoryFiles files;
  auto rows = read_vector(files, "/t", vector, 30);
  ASSERT_OK(rows);
  EXPECT_EQ(rows->rows(), (std::vector<int64_t>{3, 4, 7, 11, 18, 29}));
  EXPECT_ERROR(read_vector(files, "/t", vector, 29), Code::Corrupt, "names row 29");
  vector.cardinality = 5;
  EXPECT_ERROR(read_vector(files, "/t", vector, 30), Code::Corrupt, "holds 6 rows");
}

TEST(DeletionVector, NamesItsFileAsTheProtocolDoes) {
  EXPECT_EQ(vector_file({.storage = 'u', .place = "ab^-aqEH.-t@S}K{vb[*k^"}),
            "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin");
  EXPECT_EQ(vector_file({.storage = 'p', .place = "file:/t/a%20b.bin"}), "file:/t/a b.bin");
  EXPECT_EQ(vector_file({.storage = 'i', .place = "x"}), std::nullopt);
  EXPECT_EQ(vector_file({.storage = 'u', .place = "too short"}), std::nullopt);
}

TEST(DeletionVector, SetsOfAllShapesComeBack) {
  std::mt19937 random(7);
  for (int64_t limit : {1, 64, 5000, 65536, 200'000, 1'000'000}) {
    for (int64_t step : {1, 3, 1000}) {
      RowSet rows;
      for (int64_t row = 0; row < limit; row += 1 + static_cast<int64_t>(random()) % step) {
        rows.add(row);
      }
      auto again = rows_from_bytes(to_bytes(rows), limit);
      ASSERT_OK(again);
      ASSERT_EQ(again->rows(), rows.rows()) << limit << " " << step;
    }
  }
  EXPECT_EQ(ok(rows_from_bytes(to_bytes({}), 10)).size(), 0);
}

TEST(DeletionVector, ManyVectorsShareAFile) {
  io::MemoryFiles files;
  VectorFile file;
  RowSet few = set_of({0, 5});
  RowSet many;
  many.add(100, 70'000);
  DeletionVector first = file.add(few);
  DeletionVector second = file.add(many);
  ASSERT_OK(file.write(files, "/t"));
  EXPECT_EQ(vector_file(first), file.path());
  EXPECT_NE(first.id(), second.id());
  EXPECT_EQ(ok(read_vector(files, "/t", first, 6)).rows(), few.rows());
  EXPECT_EQ(ok(read_vector(files, "/t", second, 1 << 20)).rows(), many.rows());

  std::string bytes = ok(files.read("/t/" + file.path()));
  bytes[bytes.size() - 5] ^= 1;
  ASSERT_OK(files.put("/t/" + file.path(), bytes));
  EXPECT_ERROR(read_vector(files, "/t", second, 1 << 20), Code::Corrupt, "checksum");
  first.offset = 1 << 30;
  EXPECT_ERROR(read_vector(files, "/t", first, 6), Code::Corrupt, "too short");
  ASSERT_OK(files.remove("/t/" + file.path()));
  EXPECT_ERROR(read_vector(files, "/t", second, 10), Code::NotFound, "deletion_vector_");
}

TEST(DeletionVector, DamagedBytesAreRefusedAndNeverReadPastTheirEnd) {
  RowSet rows = set_of({1, 70'000, 70'001});
  rows.add(200'000, 10'000);
  std::string good = to_bytes(rows);
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(rows_from_bytes(std::string_view(good).substr(0, length), 1 << 20)) << length;
  }
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string bad = good;
    bad[random() % 60] = static_cast<char>(random());
    auto read = rows_from_bytes(bad, 1 << 20);
    if (read) {
      ASSERT_LE(read->size(), 1 << 20);
    }
  }
  EXPECT_ERROR(rows_from_bytes(good, 100), Code::Corrupt, "names row");
  EXPECT_ERROR(rows_from_bytes("x" + good, 100), Code::Corrupt,
               "the deletion vector is damaged: it begins with another magic number");
  EXPECT_ERROR(rows_from_bytes(good, int64_t{1} << 33), Code::Unsupported,
               "a file of more than 2^32 rows has a deletion vector");
}

// Runs as other writers have them: cookie, flags, header, (start, length - 1).
TEST(DeletionVector, ReadsRuns) {
  std::string bytes = {'\xd1', '\xd3', '\x39', '\x64'};              // magic number
  bytes += std::string("\x01\0\0\0\0\0\0\0", 8);                     // one bucket
  bytes += std::string("\0\0\0\0", 4);                               // its key
  bytes += std::string("\x3b\x30\0\0", 4) + std::string("\x01", 1);  // one container, with runs
  bytes += std::string("\0\0\x05\0", 4);                             // key 0, six rows
  bytes += std::string("\x02\0\x0a\0\x02\0\x64\0\x02\0", 10);        // 10..12 and 100..102
  EXPECT_EQ(ok(rows_from_bytes(bytes, 1000)).rows(),
            (std::vector<int64_t>{10, 11, 12, 100, 101, 102}));
}

TEST(DeletionVector, Crc32IsThatOfZlib) { EXPECT_EQ(crc32("123456789"), 0xcbf43926u); }

}  // namespace
}  // namespace ticklake::delta
