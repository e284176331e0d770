using System.Collections.Concurrent;
using System.Net;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Telemetry;

/// <summary>A span as it came over the wire.</summary>
internal sealed record ReceivedSpan(string TraceId, string SpanId, string ParentId, string Name, string Source, bool IsError, IReadOnlyDictionary<string, string> Attributes);

/// <summary>A receiver of OTLP over HTTP on loopback that reads what opentelemetry-proto's ExportTraceServiceRequest says.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication application;
    private readonly ConcurrentQueue<ReceivedSpan> spans = [];

    private OtlpReceiver()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        application = builder.Build();
        application.MapPost("/v1/traces", TakeAsync);
    }

    /// <summary>What a gateway's configuration says of it.</summary>
    public string Setting => $"registry.telemetry.otlp-endpoint = \"{application.Urls.Single()}\"";

    /// <summary>Everything that came, as bytes.</summary>
    public ConcurrentQueue<byte[]> Bodies { get; } = [];

    public static async Task<OtlpReceiver> StartAsync()
    {
        var receiver = new OtlpReceiver();
        await receiver.application.StartAsync();
        return receiver;
    }

    /// <summary>The spans of a trace, once a last one has come.</summary>
    /// <param name="traceId">The trace.</param>
    /// <param name="flush">Has the sender send what it has.</param>
    /// <param name="last">Names of spans to wait for.</param>
    public async Task<IReadOnlyList<ReceivedSpan>> TraceAsync(string traceId, Action flush, params string[] last)
    {
        var deadline = Environment.TickCount64 + (long)Eventually.Patience.TotalMilliseconds;
        while (true)
        {
            flush();
            var trace = spans.Where(span => span.TraceId == traceId).ToArray();
            if (last.All(name => trace.Any(span => span.Name == name)))
                return trace;
            Environment.TickCount64.ShouldBeLessThan(deadline, $"Of {string.Join(", ", last)} came: {string.Join(", ", trace.Select(s => s.Name))}");
            await Task.Delay(10);
        }
    }

    public ValueTask DisposeAsync() => application.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        Bodies.Enqueue(body.ToArray());
        foreach (var resource in Fields(body.ToArray(), 1))
            foreach (var scope in Fields(resource, 2))
                foreach (var span in Fields(scope, 2))
                    spans.Enqueue(Read(span, source: Text(Fields(Fields(scope, 1).Single(), 1).SingleOrDefault())));
        context.Response.ContentType = "application/x-protobuf";
    }

    private static ReceivedSpan Read(byte[] span, string source) => new(
        Hex(span, 1),
        Hex(span, 2),
        Hex(span, 4),
        Text(Fields(span, 5).Single()),
        source,
        Fields(span, 15).Any(status => ReadStatus(status) == 2),
        Fields(span, 9).ToDictionary(pair => Text(Fields(pair, 1).Single()), pair => Text(Fields(Fields(pair, 2).Single(), 1).SingleOrDefault())));

    private static string Hex(byte[] message, int field) => Convert.ToHexStringLower(Fields(message, field).SingleOrDefault() ?? []);

    private static string Text(byte[]? bytes) => bytes is null ? "" : System.Text.Encoding.UTF8.GetString(bytes);

    // Status.code, which is not a message but a number.
    private static int ReadStatus(byte[] status)
    {
        var input = new CodedInputStream(status);
        for (uint tag; (tag = input.ReadTag()) != 0;)
        {
            if (tag == WireFormat.MakeTag(3, WireFormat.WireType.Varint))
                return input.ReadEnum();
            input.SkipLastField();
        }

        return 0;
    }

    /// <summary>The values of a field that is a text, bytes or a message.</summary>
    private static List<byte[]> Fields(byte[] message, int field)
    {
        var values = new List<byte[]>();
        var input = new CodedInputStream(message);
        for (uint tag; (tag = input.ReadTag()) != 0;)
        {
            if (tag == WireFormat.MakeTag(field, WireFormat.WireType.LengthDelimited))
                values.Add(input.ReadBytes().ToByteArray());
            else
                input.SkipLastField();
        }

        return values;
    }
}
