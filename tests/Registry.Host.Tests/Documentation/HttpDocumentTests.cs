using System.Globalization;
using System.Text.RegularExpressions;
using Registry.Host.Api;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.Documentation;

public sealed partial class HttpDocumentTests
{
    [Fact]
    public void The_table_of_codes_has_every_code_with_its_statuses_and_no_other()
    {
        var text = File.ReadAllText(Path.Combine(Programs.SourceFolder, "../../docs/http.md"));
        var told = Row().Matches(text)
            .SelectMany(row => Code().Matches(row.Groups[2].Value).Select(code => (Code: code.Groups[1].Value, Statuses: row.Groups[1].Value.Split(", ").Select(status => int.Parse(status, CultureInfo.InvariantCulture)))))
            .ToLookup(row => row.Code, row => row.Statuses);

        told.Select(code => code.Key).ShouldBe(ProblemCodes.All.Keys, ignoreOrder: true);
        foreach (var kind in ProblemCodes.All.Values)
            kind.Statuses.ShouldBeSubsetOf(told[kind.Code].SelectMany(statuses => statuses), kind.Code);
    }

    [GeneratedRegex(@"^\| (\d{3}(?:, \d{3})*) \| (.+) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`([a-z_]+)`")]
    private static partial Regex Code();
}
