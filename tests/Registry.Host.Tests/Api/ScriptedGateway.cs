using System.Net;
using System.Text;
using System.Text.Json;
using Akka.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Registry.Actors;
using Registry.Host.Audit;
using Registry.Host.Limits;
using Registry.Host.Security;
using Registry.Host.Serving;

namespace Registry.Host.Tests.Api;

/// <summary>The real HTTP interface on a free port, with a scripted registry behind it.</summary>
internal sealed class ScriptedGateway : IAsyncDisposable
{
    private readonly Gateway gateway;

    private ScriptedGateway(Gateway gateway, ScriptedRegistry registry)
    {
        this.gateway = gateway;
        Registry = registry;
        Http = new() { BaseAddress = gateway.Url };
    }

    public ScriptedRegistry Registry { get; }

    public HttpClient Http { get; }

    public Uri Url => gateway.Url;

    public IServiceProvider Services => gateway.Services;

    /// <param name="time">The clock; null for the real one.</param>
    /// <param name="security">The sections <c>http</c>, <c>auth</c> and <c>audit</c> as in <c>gateway.conf</c>.</param>
    /// <param name="log">Where it logs; null for nowhere.</param>
    public static async Task<ScriptedGateway> StartAsync(TimeProvider? time = null, string security = "", TextWriter? log = null)
    {
        var registry = new ScriptedRegistry();
        var gateway = await Gateway.StartAsync(
            new()
            {
                Http = new(IPAddress.Loopback, 0),
                LogLevel = log is null ? LogLevel.Critical : null,
                LogOutput = log,
                Security = SecuritySettings.From(ConfigurationFactory.ParseString(security)),
                Audit = AuditSettings.From(ConfigurationFactory.ParseString(security)),
                Limits = RequestLimits.From(ConfigurationFactory.ParseString(security)),
            },
            services =>
            {
                services.Replace(ServiceDescriptor.Singleton<ITubeRegistry>(registry));
                if (time is not null)
                    services.Replace(ServiceDescriptor.Singleton(time));
            });
        return new(gateway, registry);
    }

    public async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(HttpMethod method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null)
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        if ((int)response.StatusCode >= 400)
            response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    public async ValueTask DisposeAsync()
    {
        // In this order, so that open streams end because the gateway does.
        await gateway.DisposeAsync();
        Http.Dispose();
    }
}
