/* csv.c: separators, headers, quotes, missing values, sequences, the choice of
 * columns, and a message with file and line for what is wrong. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <math.h>
#include <zlib.h>

#include "csv.h"

static Csv read_text(const char *text)
{
    RtError err = {0};
    Csv csv;
    scratch_text("t.csv", text);
    done(csv_read("t.csv", -1, 1, &csv, &err), &err);
    return csv;
}

/* The table has these extents, header and values; frees it. */
static void expect(const char *text, int header, int ncol, int64_t nrow,
                   const double *value)
{
    Csv csv = read_text(text);
    assert_int_equal(csv.header, header);
    assert_int_equal(csv.ncol, ncol);
    assert_int_equal(csv.nrow, nrow);
    for (int i = 0; i < ncol * nrow; i++)
        assert_true(csv.value[i] == value[i]);
    csv_free(&csv);
}

static void separators(void **state)
{
    (void)state;
    const double v[] = {1, 2.5, -3, 4e2, 5, 6};
    expect("1,2.5,-3\n4e2,5,6\n", 0, 3, 2, v);
    expect("1;2.5;-3\n4e2;5;6", 0, 3, 2, v);
    expect("1\t2.5\t-3\r\n4e2\t5\t6\r\n", 0, 3, 2, v);
    expect("  1   2.5 -3\n4e2 5\t6  \n", 0, 3, 2, v);
    expect(" 1 , 2.5 , -3 \n 4e2 ,5, 6", 0, 3, 2, v);
    expect("\"1\",\"2.5\",-3\n4e2,5,6\n", 0, 3, 2, v);
    expect("\"1\"\t\"2.5\"\t-3\n4e2\t5\t6\n", 0, 3, 2, v);
    expect("\xef\xbb\xbf"
           "1,2.5,-3\n# note, with comma\n4e2,5,6\n",
           0, 3, 2, v);
    expect("1\n2.5\n-3\n4e2\n5\n6\n", 0, 1, 6, v);
    expect("1", 0, 1, 1, v);
}

static void headers(void **state)
{
    (void)state;
    const double v[] = {1, 2, 3, 4};
    expect("a,b\n1,2\n3,4\n", 1, 2, 2, v);
    expect("a b\n1 2\n3 4\n", 1, 2, 2, v);
    expect("Max temp\n1\n2\n", 1, 1, 2, v);
    expect("\"a, \"\"b\"\"\",\"c\nd\"\n1,2\n3,4\n", 1, 2, 2, v);
    Csv csv = read_text("\"a, \"\"b\"\"\",\"c\nd\"\n1,2\n3,x\n");
    assert_string_equal(csv.column[0].name, "a, \"b\"");
    assert_string_equal(csv.column[1].name, "c\nd");
    assert_int_equal(csv.column[0].bad_line, 0);
    assert_int_equal(csv.column[1].bad_line, 4);
    assert_string_equal(csv.column[1].bad_text, "x");
    assert_int_equal(csv.line[0], 3);
    csv_free(&csv);
    RtError err = {0};
    scratch_text("t.csv", "a,b\n1,2\n");
    done(csv_read("t.csv", 0, 1, &csv, &err), &err);
    assert_int_equal(csv.nrow, 2);
    assert_string_equal(csv.column[1].name, "2");
    csv_free(&csv);
    scratch_text("t.csv", "1,2\n3,4\n");
    done(csv_read("t.csv", 1, 1, &csv, &err), &err);
    assert_int_equal(csv.nrow, 1);
    assert_string_equal(csv.column[1].name, "2");
    csv_free(&csv);
}

static void missing(void **state)
{
    (void)state;
    Csv csv = read_text("a,b\n,2\nNA,nan\n?,null\n3,\n");
    assert_int_equal(csv.nrow, 4);
    for (int i = 0; i < 8; i++)
        assert_int_equal(!isnan(csv.value[i]), i == 1 || i == 6);
    assert_int_equal(csv.column[0].bad_line, 0);
    csv_free(&csv);
}

static void sequences(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int nseq;
        int64_t start[4];
    } row[] = {
        {"1 2\n3 4\n", 1, {0, 2}},
        {"1 2\n\n3 4\n", 2, {0, 1, 2}},
        {"\n\na b\n\n1 2\n3 4\n \n\n5 6\n\n7 8\n\n\n", 3, {0, 2, 3, 4}},
        {"a,b\n1,2\n\n3,4\n", 2, {0, 1, 2}},
    };
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        Csv csv = read_text(row[k].text);
        assert_int_equal(csv.nseq, row[k].nseq);
        for (int i = 0; i <= row[k].nseq; i++)
            assert_int_equal(csv.start[i], row[k].start[i]);
        csv_free(&csv);
    }
}

static void large(void **state)
{
    (void)state;
    RtError err = {0};
    gzFile f = gzopen("t.csv.gz", "wb");
    for (int i = 0; i < 5000; i++)
        gzprintf(f, "%d,%d\n%s", i, 2 * i, i % 7 == 6 ? "\n" : "");
    gzclose(f);
    Csv csv;
    done(csv_read("t.csv.gz", -1, 1, &csv, &err), &err);
    assert_int_equal(csv.nrow, 5000);
    assert_int_equal(csv.nseq, 715);
    assert_int_equal(csv.start[714], 4998);
    assert_true(csv.value[9999] == 9998);
    csv_free(&csv);
}

static void choices(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int n, col[4];
    } row[] = {
        {"2", 1, {1}},
        {"2,4", 2, {1, 3}},
        {"2:4", 3, {1, 2, 3}},
        {"column(3)", 1, {2}},
        {"CO2", 1, {1}},
        {"column(\"adjusted CO2\", CO2)", 2, {2, 1}},
        {" 'a, b' , 2", 2, {3, 1}},
        {"steps(2:4)", 3, {1, 2, 3}},
        {"wav(3, rate = 8000)", 1, {2}},
    };
    RtError err = {0};
    Csv csv = read_text("Date,CO2,adjusted CO2,\"a, b\"\n"
                        "1958-03-01,1,2,3\n1958-04-01,4,5,6\n");
    int *cols, n;
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        done(csv_columns(&csv, row[k].text, 1, &cols, &n, &err), &err);
        assert_int_equal(n, row[k].n);
        assert_memory_equal(cols, row[k].col, sizeof *cols * (size_t)n);
        free(cols);
    }
    refused(csv_columns(&csv, NULL, 1, &cols, &n, &err), &err,
            "t.csv:2:1: '1958-03-01' is no number", "column(2, 3, 4)");
    refused(csv_columns(&csv, "CO3", 1, &cols, &n, &err), &err,
            "no column 'CO3'", "Date, CO2, adjusted CO2");
    refused(csv_columns(&csv, "5", 1, &cols, &n, &err), &err, "no column '5'");
    refused(csv_columns(&csv, "0", 1, &cols, &n, &err), &err, "no column '0'");
    refused(csv_columns(&csv, "3:2", 1, &cols, &n, &err), &err, "no column");
    refused(csv_columns(&csv, "2,,3", 1, &cols, &n, &err), &err,
            "no column ''");
    refused(csv_columns(&csv, "2,", 1, &cols, &n, &err), &err, "no column ''");
    static const char *const key[] = {"rat", "rate"};
    double x[2] = {1, 1};
    assert_int_equal(csv_unit("numbers(2)"), CSV_NUMBERS);
    assert_int_equal(csv_unit("numbers"), CSV_COLUMN);
    done(csv_options("wav(1, rate = 8e3 )", key, x, 2, &err), &err);
    assert_true(x[0] == 1 && x[1] == 8000);
    refused(csv_options("wav(1, rate = 1 2)", key, x, 2, &err), &err,
            "rate is no number in 'rate = 1 2'");
    refused(csv_options("wav(1, rate=)", key, x, 2, &err), &err, "no number");
    refused(csv_options("wav(1, ra = 1)", key, x, 2, &err), &err,
            "nothing is called ra here; there are rat, rate");
    csv_free(&csv);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *say;
    } row[] = {
        {"", "t.csv: the file is empty"},
        {"\n\n", "no line with numbers"},
        {"# only\n", "no line with numbers"},
        {"a,b\n", "a header and no line"},
        {"1,2\n3\n", "t.csv:2: 1 fields, wanted 2"},
        {"a,b\n1,2\n3,4,5\n", "t.csv:3: 3 fields, wanted 2"},
        {"1,2\n\"3,4\n", "t.csv:2: a quote is opened"},
    };
    RtError err = {0};
    Csv csv;
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        scratch_text("t.csv", row[k].text);
        refused(csv_read("t.csv", -1, 1, &csv, &err), &err, row[k].say);
        csv_free(&csv);
    }
    scratch_write("t.csv", "1,2\0,3", 6);
    refused(csv_read("t.csv", -1, 1, &csv, &err), &err, "t.csv: a binary file");
    csv_free(&csv);
    refused(csv_read("none.csv", -1, 1, &csv, &err), &err, "none.csv");
    csv_free(&csv);
}

/* Any bytes: a table or a message. */
static void noise(void **state)
{
    (void)state;
    static const char letters[] = "12,;\t \"\"\n\r\n#.a-";
    RtError err = {0};
    unsigned x = 1;
    for (int i = 0; i < 2000; i++) {
        char text[40];
        for (size_t k = 0; k < sizeof text; k++) {
            x = x * 1103515245 + 12345;
            text[k] = letters[(x >> 16) % (sizeof letters - 1)];
        }
        scratch_write("t.csv", text, sizeof text);
        Csv csv;
        int *cols, n;
        if (csv_read("t.csv", (int)(x >> 20) % 3 - 1, 1, &csv, &err) == 0 &&
            csv_columns(&csv, NULL, 1, &cols, &n, &err) == 0)
            free(cols);
        csv_free(&csv);
    }
    rt_error_clear(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separators), cmocka_unit_test(headers),
        cmocka_unit_test(missing),    cmocka_unit_test(sequences),
        cmocka_unit_test(large),      cmocka_unit_test(choices),
        cmocka_unit_test(refusals),   cmocka_unit_test(noise),
    };
    return cmocka_run_group_tests_name("csv", tests, scratch_enter,
                                       scratch_leave);
}
