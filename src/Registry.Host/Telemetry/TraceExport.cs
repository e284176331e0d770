using OpenTelemetry.Exporter;
using OpenTelemetry.Trace;
using Registry.Actors;

namespace Registry.Host.Telemetry;

/// <summary>Sends the spans of the HTTP interface and of the registry to an OTLP receiver. Without one nothing listens, and no span is made.</summary>
internal static class TraceExport
{
    // Asked every few seconds, or open for hours.
    private static readonly string[] Unwatched = ["/metrics", "/healthz", "/readyz", "/v1/events"];

    public static void AddTraces(this IServiceCollection services, TelemetrySettings settings)
    {
        if (settings.OtlpEndpoint is not { } endpoint)
            return;
        services.AddOpenTelemetry().WithTracing(traces => traces
            .AddSource(TubeRegistryTraces.SourceName)
            .AddAspNetCoreInstrumentation(http => http.Filter = IsWatched)
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(settings.TracePercent / 100.0)))
            .AddOtlpExporter(otlp =>
            {
                otlp.Protocol = OtlpExportProtocol.HttpProtobuf;
                otlp.Endpoint = new($"{endpoint.AbsoluteUri.TrimEnd('/')}/v1/traces");
            }));
    }

    private static bool IsWatched(HttpContext context)
    {
        var path = context.Request.Path;
        return !Array.Exists(Unwatched, p => path.StartsWithSegments(p, StringComparison.Ordinal)) && !(path.Value?.EndsWith("/signals", StringComparison.Ordinal) ?? false);
    }
}
