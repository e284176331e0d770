using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using Registry.Actors;
using Registry.Actors.ReadModel;
using Registry.Host.Security;

namespace Registry.Host.Telemetry;

/// <summary><c>/metrics</c>: the figures of the registry, of HTTP, of the process and of the runtime, for Prometheus.</summary>
internal static class MetricsEndpoint
{
    // Memory, garbage collection, thread pool and exceptions, as .NET itself counts them.
    private const string RuntimeMeter = "System.Runtime";

    private const string HttpMeter = "Microsoft.AspNetCore.Hosting";

    private static readonly MetricStreamConfiguration ByRoute = new() { TagKeys = ["http.route", "http.request.method", "http.response.status_code"] };

    public static void AddScrapedMetrics(this IServiceCollection services)
    {
        services.AddSingleton<ProcessMetrics>();
        services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("tube-registry", serviceVersion: RegistryReads.Version, autoGenerateServiceInstanceId: false))
            .WithMetrics(metrics => metrics
                .AddMeter(TubeRegistryMetrics.MeterName, ProcessMetrics.MeterName, HttpMeter, RuntimeMeter)
                .AddView("http.server.request.duration", ByRoute)
                .AddView("http.server.active_requests", new MetricStreamConfiguration { TagKeys = [] })
                .AddPrometheusExporter());
    }

    public static void MapMetrics(this WebApplication application)
    {
        application.Services.GetRequiredService<ProcessMetrics>();
        application.MapPrometheusScrapingEndpoint("/metrics").WithMetadata(new HttpMethodMetadata([HttpMethods.Get])).ForViewers();
    }
}
