using System.Text.Json;
using Registry.Host.Cli;

namespace Registry.Host.Tests.EndToEnd;

public sealed class SelfTestTests
{
    [Fact]
    public async Task The_self_test_passes_and_its_figures_are_json()
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var code = await CommandLine.InvokeAsync(["selftest", "--mb", "4", "--json"], output, error);

        code.ShouldBe(0, error.ToString());
        var found = JsonDocument.Parse(output.ToString()).RootElement;
        found.GetProperty("ok").GetBoolean().ShouldBeTrue();
        found.GetProperty("hashesEqual").GetBoolean().ShouldBeTrue();
        found.GetProperty("bytes").GetInt64().ShouldBe(4 << 20);
        found.GetProperty("leftOpen").GetInt32().ShouldBe(0);
        foreach (var figure in new[] { "readyMs", "mbPerSecond", "p50Us", "p99Us", "p99BusyUs" })
            found.GetProperty(figure).GetDouble().ShouldBeGreaterThan(0);
        found.GetProperty("path").GetString().ShouldBe("host/host");
    }
}
