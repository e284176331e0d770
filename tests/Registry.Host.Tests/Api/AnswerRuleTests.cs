using System.Net;
using System.Net.Sockets;
using System.Text;
using Registry.Host.Tests.EndToEnd;
using Registry.Messages;

namespace Registry.Host.Tests.Api;

/// <summary>A gateway with a tube, for all tests of a class.</summary>
public sealed class GatewayWithTube : IAsyncLifetime
{
    internal ScriptedGateway Gateway { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Gateway = await ScriptedGateway.StartAsync();
        Gateway.Registry.Tubes[new("t1")] = new(new("t1"), "n", TubeState.Ready);
    }

    public async Task DisposeAsync() => await Gateway.DisposeAsync();
}

/// <summary>What holds for every answer.</summary>
public sealed class AnswerRuleTests(GatewayWithTube shared) : IClassFixture<GatewayWithTube>
{
    private readonly ScriptedGateway gateway = shared.Gateway;

    [Theory]
    [InlineData("/", 200)]
    [InlineData("/healthz", 200)]
    [InlineData("/readyz", 200)]
    [InlineData("/metrics", 200)]
    [InlineData("/openapi/v1.json", 200)]
    [InlineData("/client.js", 200)]
    [InlineData("/v1/tubes", 200)]
    [InlineData("/v1/tubes/t1", 200)]
    [InlineData("/v1/tubes/nobody", 404)]
    [InlineData("/nowhere", 404)]
    [InlineData("/v1/node/reload", 405)]
    [InlineData("/v1/events", 405)]
    public async Task Head_is_answered_as_get_without_the_body(string path, int status)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(gateway.Url.Host, gateway.Url.Port);
        // A body would stand between the two answers.
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(client.GetStream());
        var parts = (await reader.ReadToEndAsync().WaitAsync(Eventually.Patience)).Split("\r\n\r\n");

        parts.Length.ShouldBe(3, string.Join("\n--\n", parts));
        parts[0].ShouldStartWith($"HTTP/1.1 {status} ");
        parts[1].ShouldStartWith("HTTP/1.1 200 ");
        parts[2].ShouldEndWith("ok");
        if (status != 200)
            return;
        using var get = await gateway.Http.GetAsync(new Uri(path, UriKind.Relative));
        parts[0].ShouldContain($"Content-Type: {get.Content.Headers.ContentType}");
    }

    [Theory]
    [InlineData("OPTIONS")]
    [InlineData("TRACE")]
    [InlineData("POST")]
    public async Task Metrics_take_no_other_method(string method)
    {
        using var request = new HttpRequestMessage(new(method), "/metrics");
        using var response = await gateway.Http.SendAsync(request);
        response.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        response.Content.Headers.Allow.ShouldBe(["GET", "HEAD"]);
    }

    [Theory]
    [InlineData("/v1/tubes", "GET, HEAD, POST")]
    [InlineData("/v1/tubes/t1", "DELETE, GET, HEAD")]
    [InlineData("/v1/tubes/t1/signals", "GET")]
    [InlineData("/v1/events", "GET")]
    [InlineData("/v1/node/reload", "POST")]
    public async Task A_method_that_is_not_taken_is_told_those_that_are_with_head_where_it_is_answered(string path, string methods)
    {
        var (status, body) = await gateway.SendAsync(HttpMethod.Patch, path);
        status.ShouldBe(HttpStatusCode.MethodNotAllowed);
        body.GetProperty("detail").GetString().ShouldBe($"{path} does not take PATCH; it takes {methods}.");
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/healthz")]
    [InlineData("/v1/tubes")]
    [InlineData("/v1/tubes/nobody")]
    [InlineData("/metrics")]
    [InlineData("/nowhere")]
    public async Task Every_answer_is_what_its_type_says(string path)
    {
        using var response = await gateway.Http.GetAsync(new Uri(path, UriKind.Relative));
        response.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("OPTIONS")]
    public async Task A_page_of_another_site_is_allowed_nothing(string method)
    {
        using var request = new HttpRequestMessage(new(method), "/v1/tubes");
        request.Headers.Add("Origin", "https://attacker.example");
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "content-type");
        using var response = await gateway.Http.SendAsync(request);
        response.Headers.Concat(response.Content.Headers).ShouldNotContain(header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
    }
}
