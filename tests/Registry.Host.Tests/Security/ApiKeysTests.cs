using System.Net;
using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Serving.Reload;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.Security;

/// <summary>The file of keys.</summary>
public sealed class ApiKeysTests
{
    [Theory]
    [InlineData("laptop creator alice", "line 2: it is not four words")]
    [InlineData("lap_top creator alice {0}", "the id 'lap_top' must be")]
    [InlineData("laptop admin alice {0}", "'admin' is no role; there are viewer, creator, operator")]
    [InlineData("laptop viewer,creator - {0}", "a creator needs an owner")]
    [InlineData("laptop viewer - abc", "the hash is not a SHA-256 in hex")]
    [InlineData("first viewer - {0}", "the id 'first' stands there twice")]
    public async Task A_wrong_line_is_named(string line, string wrong)
    {
        using var folder = new TemporaryFolder();
        var hash = new string('a', 64);
        await File.WriteAllLinesAsync(folder.File("keys"), [$"first viewer - {hash}", string.Format(System.Globalization.CultureInfo.InvariantCulture, line, hash)]);
        Should.Throw<CommandException>(() => new ApiKeys(folder.File("keys"))).Message.ShouldContain(wrong);
        Should.Throw<CommandException>(() => new ApiKeys(folder.File("absent"))).Message.ShouldContain("cannot be read");
    }

    [Fact]
    public async Task Keys_that_are_read_again_count_from_then_on_and_a_wrong_file_changes_nothing()
    {
        await using var secured = await SecuredGateway.StartAsync();
        var (key, line) = ApiKeys.Create("new", ["viewer"], null);
        var reload = secured.Gateway.Services.GetService(typeof(GatewayReload)).ShouldBeOfType<GatewayReload>();
        (await secured.SendAsync(key, "GET", "/v1/capacity")).Status.ShouldBe(HttpStatusCode.Unauthorized);

        await File.WriteAllTextAsync(secured.KeysFile, "nonsense");
        await Should.ThrowAsync<CommandException>(() => reload.ReloadAsync());
        (await secured.SendAsync(secured.KeyOf("alice"), "GET", "/v1/capacity")).Status.ShouldBe(HttpStatusCode.OK);
        await File.WriteAllTextAsync(secured.KeysFile, line);
        (await reload.ReloadAsync()).Remarks.ShouldContain("1 API key read again.");

        (await secured.SendAsync(key, "GET", "/v1/capacity")).Status.ShouldBe(HttpStatusCode.OK);
        (await secured.SendAsync(secured.KeyOf("alice"), "GET", "/v1/capacity")).Status.ShouldBe(HttpStatusCode.Unauthorized);
    }
}
