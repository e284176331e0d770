using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using Registry.Actors;
using Registry.Host.Security;

namespace Registry.Host.Telemetry;

/// <summary><c>/metrics</c>: the figures of the registry and of the runtime, for Prometheus.</summary>
internal static class MetricsEndpoint
{
    // Memory, garbage collection, thread pool and exceptions, as .NET itself counts them.
    private const string RuntimeMeter = "System.Runtime";

    public static void AddScrapedMetrics(this IServiceCollection services) => services.AddOpenTelemetry()
        .ConfigureResource(resource => resource.AddService("tube-registry", autoGenerateServiceInstanceId: false))
        .WithMetrics(metrics => metrics.AddMeter(TubeRegistryMetrics.MeterName, RuntimeMeter).AddPrometheusExporter());

    public static void MapMetrics(this IEndpointRouteBuilder routes) => routes.MapPrometheusScrapingEndpoint("/metrics").ForViewers();
}
