using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Akka.Actor;
using Akka.Configuration;
using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Registry.Actors;
using Registry.Host.Audit;
using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Serving;
using Registry.Host.Telemetry;
using Registry.WebRtc;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>A gateway as <c>serve</c> runs it, over the real stack, on free ports.</summary>
internal sealed class RealGateway : IAsyncDisposable
{
    private readonly Gateway gateway;

    private RealGateway(Gateway gateway)
    {
        this.gateway = gateway;
        // The certificates of tests are their own authorities.
        Http = new(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null } }) { BaseAddress = gateway.Url };
    }

    public HttpClient Http { get; }

    public Uri Url => gateway.Url;

    public ITubeRegistry Registry => gateway.Services.GetRequiredService<ITubeRegistry>();

    public IServiceProvider Services => gateway.Services;

    public int OpenConnections => gateway.Services.GetRequiredService<IPeerConnectionFactory>().OpenConnections;

    /// <summary>Tube actors that exist, whatever the read-model says.</summary>
    public int TubeActors => ((ActorRefWithCell)gateway.Services.GetRequiredService<IRequiredActor<RegistryActor>>().ActorRef).Children.Count();

    public static Task<RealGateway> StartAsync(params string[] allow) => StartAsync(new RegistrySetup { AllowTargets = allow });

    /// <summary>Starts one with settings of its own.</summary>
    /// <param name="settings">As in <c>registry.conf</c> and <c>gateway.conf</c>.</param>
    /// <param name="allow">Target rules.</param>
    public static Task<RealGateway> WithAsync(string settings, params string[] allow) => WithAsync(settings, null, allow);

    /// <summary>Starts one with settings of its own that is listened to.</summary>
    /// <param name="settings">As in <c>registry.conf</c> and <c>gateway.conf</c>.</param>
    /// <param name="log">Where it logs, as its settings say; null for nowhere.</param>
    /// <param name="allow">Target rules.</param>
    public static Task<RealGateway> WithAsync(string settings, TextWriter? log, params string[] allow)
    {
        var configuration = ConfigurationFactory.ParseString(settings);
        return StartAsync(new RegistrySetup { Configuration = configuration, AllowTargets = allow }, SecuritySettings.From(configuration), TelemetrySettings.From(configuration), log);
    }

    /// <summary>Starts one that asks callers for a key of a file.</summary>
    public static Task<RealGateway> WithKeysAsync(string keysFile, params string[] allow) =>
        StartAsync(new RegistrySetup { AllowTargets = allow }, SecuritySettings.From(ConfigurationFactory.ParseString($"registry.auth.keys = \"{keysFile}\"")));

    /// <summary>Starts one that asks callers for a key of a file, with settings of its own.</summary>
    /// <param name="keysFile">The file.</param>
    /// <param name="settings">As in <c>registry.conf</c>.</param>
    /// <param name="allow">Target rules.</param>
    public static Task<RealGateway> WithKeysAsync(string keysFile, Config settings, params string[] allow) =>
        StartAsync(new RegistrySetup { AllowTargets = allow, Configuration = settings }, SecuritySettings.From(ConfigurationFactory.ParseString($"registry.auth.keys = \"{keysFile}\"")));

    /// <summary>Starts one whose tubes have time to move when it stops; all others close theirs at once.</summary>
    public static Task<RealGateway> StoppingWithinAsync(TimeSpan deadline, params string[] allow) => StartAsync(new RegistrySetup { AllowTargets = allow, StopDeadline = deadline });

    /// <summary>Sends JSON and reads the answer's.</summary>
    public async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(HttpMethod method, string path, object? body = null, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        using var response = await Http.SendAsync(request, cancellationToken).WaitAsync(Eventually.Patience, cancellationToken);
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    /// <summary>Creates a tube, for an echo conversation unless told otherwise, with an offer of the gateway's that nobody answers.</summary>
    /// <returns>Its id.</returns>
    public async Task<string> CreateTubeAsync(string conversationId, string? owner = null, string? tubeId = null, object? settings = null)
    {
        var (status, body) = await SendAsync(HttpMethod.Post, "/v1/tubes", new { conversationId, settings = settings ?? Echo, owner, tubeId });
        status.ShouldBe(HttpStatusCode.Created, body.ToString());
        return body.GetProperty("tubeId").GetString()!;
    }

    public async Task CloseTubeAsync(string tubeId) => (await SendAsync(HttpMethod.Delete, $"/v1/tubes/{tubeId}?reason=Client")).Status.ShouldBe(HttpStatusCode.NoContent);

    /// <summary>The settings of an echo conversation.</summary>
    public static object Echo => new { conversationType = "echo" };

    /// <summary>Starts a forward and returns once it can carry traffic.</summary>
    public async Task<RunningForward> ForwardAsync(IPEndPoint target)
    {
        var forward = new RunningForward(target, Url);
        await forward.NextReadyAsync();
        return forward;
    }

    public async ValueTask DisposeAsync()
    {
        // In this order, so that open streams end because the gateway does.
        await gateway.DisposeAsync();
        Http.Dispose();
    }

    private static async Task<RealGateway> StartAsync(RegistrySetup setup, SecuritySettings? security = null, TelemetrySettings? telemetry = null, TextWriter? log = null) => new(await Gateway.StartAsync(new()
    {
        Http = new(IPAddress.Loopback, 0),
        IsHttps = security?.Certificate is not null,
        LogLevel = log is null ? LogLevel.Critical : null,
        LogOutput = log,
        Telemetry = telemetry ?? TelemetrySettings.From(Config.Empty),
        Registry = setup with { StopDeadline = setup.StopDeadline ?? TimeSpan.Zero },
        Security = security ?? SecuritySettings.From(Config.Empty),
        Audit = AuditSettings.From(setup.Configuration),
    }));
}
