using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Registry.Host.Api;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;
using Registry.Host.Tests.Security;
using Registry.Messages;

namespace Registry.Host.Tests.Description;

/// <summary>The OpenAPI document, and whether gateways answer as it says.</summary>
public sealed class DescriptionTests
{
    private const string Create = """{"conversationId":"c","settings":{"conversationType":"echo"}}""";

    private readonly Transcript transcript = new();

    [ProgramFact("node", NodePackage = "@seriousme/openapi-schema-validator")]
    public async Task Every_call_is_answered_as_the_document_says_and_every_code_is_provoked()
    {
        using var folder = new TemporaryFolder();
        await UseAsync(folder.File("document"));
        await RefuseAsync();
        await ExceedAsync();
        await BeNobodyAsync();
        await transcript.WriteAsync(folder.File("transcript"));

        await Programs.RunAsync(Programs.Start("node", Path.Combine(Programs.SourceFolder, "Description", "openapi.mjs"), folder.File("document"), folder.File("transcript"), Programs.NodePackages));
    }

    [Fact]
    public async Task The_document_has_every_endpoint_of_the_interface_and_no_other()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var (_, document) = await gateway.SendAsync(HttpMethod.Get, "/openapi/v1.json");
        var described = document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(operation => $"{operation.Name.ToUpperInvariant()} {path.Name}"));

        var pages = new[] { "/", "/dashboard/", "/novnc/", "/client." };
        var mapped = gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Select(endpoint => (Path: "/" + endpoint.RoutePattern.RawText!.TrimStart('/'), Methods: endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]))
            .Where(endpoint => endpoint.Path != "/" && !pages.Skip(1).Any(page => endpoint.Path.StartsWith(page, StringComparison.Ordinal)))
            .SelectMany(endpoint => endpoint.Methods.Select(method => $"{method} {endpoint.Path}"));
        described.ShouldBe(mapped, ignoreOrder: true);
    }

    [Theory]
    [InlineData("/openapi/v1.json")]
    [InlineData("/v1/tubes/t1")]
    [InlineData("/client.js")]
    [InlineData("/client.d.ts")]
    [InlineData("/dashboard/gateway.js")]
    public async Task Who_has_the_answer_already_is_told_so(string path)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[new("t1")] = new(new("t1"), "n", TubeState.Ready);
        using var first = await gateway.Http.GetAsync(new Uri(path, UriKind.Relative));
        var tag = first.Headers.ETag.ShouldNotBeNull();

        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { IfNoneMatch = { tag } } };
        using var second = await gateway.Http.SendAsync(request);
        second.StatusCode.ShouldBe(HttpStatusCode.NotModified);
        (await second.Content.ReadAsByteArrayAsync()).ShouldBeEmpty();

        using var other = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { IfNoneMatch = { new("\"other\"") } } };
        using var third = await gateway.Http.SendAsync(other);
        third.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    /// <summary>Every call that goes well, against the real stack.</summary>
    private async Task UseAsync(string documentFile)
    {
        await using var gateway = await RealGateway.WithAsync("registry.tube.ice-restart { backoff = 1ms, max-backoff = 1ms }");
        await using var peer = await InProcessRegistry.StartAsync(new() { PeerConnections = new() { SocketPerConnection = true } });
        using var http = transcript.Client(gateway.Url);
        await File.WriteAllTextAsync(documentFile, await TwiceAsync(http, "/openapi/v1.json"));
        foreach (var path in new[] { "/healthz", "/readyz", "/metrics", "/v1/capacity", "/v1/nodes", "/v1/caller", "/v1/tubes", "/v1/audit", "/v1/node/audit" })
            await AskAsync(http, "GET", path);
        await AskAsync(http, "PUT", "/v1/capacity/limits", """{"maxTubesPerOwner":5}""");
        await using var events = await OpenEvents.OfAsync(http);

        var tube = (await AskAsync(http, "POST", "/v1/tubes", """{"conversationId":"a","settings":{"conversationType":"echo"},"trickleIce":false,"owner":"o","requestKey":"k"}""")).GetProperty("tubeId").GetString()!;
        await AskAsync(http, "PUT", $"/v1/tubes/{tube}/conversations/further");
        await AskAsync(http, "GET", "/v1/conversations/a");
        await AskAsync(http, "POST", "/v1/tubes", """{"conversationId":"a","settings":{"conversationType":"echo"}}""");
        await ConnectAsync(http, gateway, peer, tube);
        await TwiceAsync(http, $"/v1/tubes/{tube}");
        await AskAsync(http, "GET", $"/v1/tubes/{tube}/statistics");
        await AskAsync(http, "GET", "/v1/tubes?owner=o&limit=1&state=ready&filter=a");
        await AskAsync(http, "POST", $"/v1/tubes/{tube}/tokens", """{"lifetimeMs":1000}""");
        await AskAsync(http, "POST", $"/v1/tubes/{tube}/candidates", """{"candidates":[""]}""");
        await AskAsync(http, "POST", $"/v1/tubes/{tube}/candidates", """{"candidates":["candidate:1 one udp"]}""");
        await AskAsync(http, "DELETE", "/v1/conversations/further");
        await AskAsync(http, "DELETE", $"/v1/tubes/{tube}?reason=Client");
        await AskAsync(http, "GET", $"/v1/tubes/{tube}/signals");
        await AskAsync(http, "GET", $"/v1/tubes/{tube}");
        var seen = await events.UntilAsync(e => e.Kind == "tube_closed");
        transcript.Add("GET", "/v1/events", 200, "text/event-stream", string.Concat(seen.Select(e => $"event: {e.Kind}\ndata: {e.Data.GetRawText()}\n\n")));

        await AskAsync(http, "POST", "/v1/node/drain", """{"deadlineMs":60000,"untilAtMost":1}""");
        await AskAsync(http, "POST", "/v1/tubes", Create);
        await AskAsync(http, "GET", "/readyz");
        await AskAsync(http, "DELETE", "/v1/node/drain");
        await AskAsync(http, "POST", $"/v1/nodes/{gateway.Registry.Node}/drain", """{"deadlineMs":60000}""");
        await AskAsync(http, "DELETE", $"/v1/nodes/{gateway.Registry.Node}/drain");
        await AskAsync(http, "POST", "/v1/node/reload");
    }

    /// <summary>Connects a peer, and restarts ICE from either side.</summary>
    private static async Task ConnectAsync(HttpClient http, RealGateway gateway, InProcessRegistry peer, string tube)
    {
        // Asked again with its key, the create is answered as before.
        var again = await AskAsync(http, "POST", "/v1/tubes", """{"conversationId":"a","settings":{"conversationType":"echo"},"trickleIce":false,"owner":"o","requestKey":"k"}""");
        var local = (await peer.Registry.CreateAsync(new(new("peer"), new EchoSettings()) { Offer = again.GetProperty("offer").GetString(), TrickleIce = false })).ShouldBeOfType<TubeCreated>();
        await AskAsync(http, "PUT", $"/v1/tubes/{tube}/remote-description", Description("answer", local.Answer!));
        await Eventually.BecomesAsync<TubeState?>(TubeState.Ready, () => gateway.Registry.Directory.TryGet(new TubeId(tube), out var snapshot) ? snapshot.State : null, "the tube's state");

        var offer = await AskAsync(http, "POST", $"/v1/tubes/{tube}/ice-restart");
        var answer = (await peer.Registry.SetRemoteDescriptionAsync(new(local.TubeId, DescriptionType.Offer, offer.GetProperty("sdp").GetString()!))).ShouldBeOfType<DescriptionMade>();
        await AskAsync(http, "PUT", $"/v1/tubes/{tube}/remote-description", Description("answer", answer.Sdp));
        var back = (await peer.Registry.RestartIceAsync(new(local.TubeId))).ShouldBeOfType<DescriptionMade>();
        await AskAsync(http, "PUT", $"/v1/tubes/{tube}/remote-description", Description("offer", back.Sdp));
    }

    /// <summary>Every refusal of the registry, each at a call that can have it, and what the interface itself refuses.</summary>
    private async Task RefuseAsync()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        using var http = transcript.Client(gateway.Url);
        foreach (var code in Enum.GetValues<RefusalCode>())
        {
            gateway.Registry.Reply = new Refused(code, "Because.") { Key = "key", TubeId = new TubeId("t"), RetryAfter = TimeSpan.FromMilliseconds(1500), ActiveCreates = 3, Limit = 3 };
            var (method, path, body) = code switch
            {
                RefusalCode.IceRestartLimit or RefusalCode.NotSupported => ("POST", "/v1/tubes/t/ice-restart", null),
                RefusalCode.InvalidCandidate => ("POST", "/v1/tubes/t/candidates", """{"candidates":["x"]}"""),
                RefusalCode.ConversationNotFound => ("DELETE", "/v1/conversations/c", null),
                RefusalCode.NodeNotFound => ("DELETE", "/v1/nodes/n/drain", null),
                _ => ("POST", "/v1/tubes", Create),
            };
            (await AskAsync(http, method, path, body)).GetProperty("code").GetString().ShouldBe(code.Text);
        }

        gateway.Registry.Answer = _ => throw new TimeoutException();
        await AskAsync(http, "DELETE", "/v1/tubes/t");
        gateway.Registry.Answer = _ => throw new InvalidOperationException("secret");
        await AskAsync(http, "DELETE", "/v1/tubes/t");
        await AskAsync(http, "GET", "/v1/tubes/t");
        await AskAsync(http, "GET", "/v1/tubes?limit=0");
        await AskAsync(http, "POST", "/v1/tubes", """{"surprise":1}""");
        await AskAsync(http, "POST", "/v1/tubes", $$"""{"offer":"{{new string('a', RequestBody.MaxLength)}}"}""");
        await AskAsync(http, "GET", "/v2/tubes");
        await AskAsync(http, "PATCH", "/v1/tubes", "{}");
        using (var form = await http.PostAsync(new Uri("/v1/tubes", UriKind.Relative), new StringContent("a=b", Encoding.UTF8, "application/x-www-form-urlencoded")))
            form.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);
        using (var foreign = new HttpRequestMessage(HttpMethod.Get, "/v1/capacity") { Headers = { Host = "attacker.example" } })
            (await http.SendAsync(foreign)).Dispose();
        await BreakAsync(gateway.Url);
    }

    /// <summary>A body that is not chunked as it says.</summary>
    private async Task BreakAsync(Uri gateway)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(gateway.Host, gateway.Port);
        await client.GetStream().WriteAsync("POST /v1/tubes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n"u8.ToArray());
        using var reader = new StreamReader(client.GetStream());
        var answer = await reader.ReadToEndAsync().WaitAsync(Eventually.Patience);
        var (status, body) = (int.Parse(answer.Split(' ')[1], CultureInfo.InvariantCulture), answer[answer.IndexOf('{', StringComparison.Ordinal)..(answer.LastIndexOf('}') + 1)]);
        body.ShouldContain("bad_request");
        transcript.Add("POST", "/v1/tubes", status, "application/problem+json", body);
    }

    /// <summary>Too many requests, too many streams, a wrong file, and a node that waits for its cluster.</summary>
    private async Task ExceedAsync()
    {
        await using (var gateway = await Gateway.StartAsync(new() { Http = new(IPAddress.Loopback, 0), ReadAgain = () => throw CommandException.Usage("gateway.conf, line 3: registry.warp is not a setting.") }))
        {
            using var http = transcript.Client(gateway.Url);
            (await AskAsync(http, "POST", "/v1/node/reload")).GetProperty("code").GetString().ShouldBe("invalid_configuration");
        }

        await using (var gateway = await ScriptedGateway.StartAsync(security: "registry.http.limits { requests-per-second = 1, burst = 1 }"))
        {
            using var http = transcript.Client(gateway.Url);
            for (var status = HttpStatusCode.OK; status == HttpStatusCode.OK;)
                using (var answer = await http.GetAsync(new Uri("/v1/capacity", UriKind.Relative)))
                    status = answer.StatusCode;
        }

        await using (var gateway = await ScriptedGateway.StartAsync(security: "registry.http.limits.streams = 1"))
        {
            using var http = transcript.Client(gateway.Url);
            await using var events = await OpenEvents.OfAsync(http);
            await AskAsync(http, "GET", "/v1/events");
        }

        var nobody = Programs.FreeEndPoint();
        await using var node = await RealGateway.WithAsync($"registry.cluster {{ enabled = on, hostname = \"127.0.0.1\", port = 0, seed-nodes = [\"{nobody}\"] }}");
        using var alone = transcript.Client(node.Url);
        (await AskAsync(alone, "GET", "/readyz")).GetProperty("code").GetString().ShouldBe("joining");
    }

    /// <summary>Callers that the gateway does not know, or that may not.</summary>
    private async Task BeNobodyAsync()
    {
        await using var secured = await SecuredGateway.StartAsync();
        using (var viewer = transcript.Client(secured.Gateway.Url, secured.KeyOf("viewer")))
        {
            await AskAsync(viewer, "DELETE", "/v1/tubes/alice-tube");
            await AskAsync(viewer, "GET", "/v1/audit");
        }

        await using (var issuer = await PlayedIssuer.StartAsync())
        {
            issuer.IsDown = true;
            await using var closed = await ScriptedGateway.StartAsync(security: issuer.Setting);
            using var known = transcript.Client(closed.Url, issuer.Token());
            (await AskAsync(known, "GET", "/v1/tubes")).GetProperty("code").GetString().ShouldBe("issuer_unreachable");
        }

        using var nobody = transcript.Client(secured.Gateway.Url, "tr_alice_guessed");
        for (var status = HttpStatusCode.Unauthorized; status == HttpStatusCode.Unauthorized;)
            using (var answer = await nobody.GetAsync(new Uri("/v1/tubes", UriKind.Relative)))
                status = answer.StatusCode;
    }

    /// <summary>Asks, and once more with the tag of the answer.</summary>
    /// <returns>The answer.</returns>
    private static async Task<string> TwiceAsync(HttpClient http, string path)
    {
        // A tube that counts is soon another one.
        for (var status = HttpStatusCode.OK; ;)
        {
            using var first = await http.GetAsync(new Uri(path, UriKind.Relative));
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { IfNoneMatch = { first.Headers.ETag! } } };
            using var second = await http.SendAsync(request);
            status = second.StatusCode;
            if (status == HttpStatusCode.NotModified)
                return await first.Content.ReadAsStringAsync();
        }
    }

    private static string Description(string type, string sdp) => JsonSerializer.Serialize(new { type, sdp });

    private static async Task<JsonElement> AskAsync(HttpClient http, string method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(new(method), path) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        // A body that is too large is refused before it is sent.
        request.Headers.ExpectContinue = body?.Length > RequestBody.MaxLength;
        using var response = await http.SendAsync(request).WaitAsync(Eventually.Patience);
        return response.Content.Headers.ContentType?.MediaType is "application/json" or "application/problem+json" ? await response.Content.ReadFromJsonAsync<JsonElement>() : default;
    }
}
