using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>A web server whose every <c>/n</c> has n bytes of a fixed pattern, and which counts its connections.</summary>
internal sealed class ByteServer : IAsyncDisposable
{
    private static readonly byte[] Pattern = MakePattern();

    private readonly WebApplication application;
    private int open;
    private int total;

    private ByteServer()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Use(Count)));
        application = builder.Build();
        application.MapGet("/{length:long}", WriteAsync);
    }

    public IPEndPoint EndPoint => IPEndPoint.Parse(new Uri(application.Urls.Single()).Authority);

    /// <summary>Connections that are open now.</summary>
    public int Open => Volatile.Read(ref open);

    /// <summary>Connections that were ever accepted.</summary>
    public int Total => Volatile.Read(ref total);

    public static async Task<ByteServer> StartAsync()
    {
        var server = new ByteServer();
        await server.application.StartAsync();
        return server;
    }

    /// <summary>SHA-256 of the first bytes of the pattern.</summary>
    public static byte[] HashOf(long length)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long done = 0; done < length; done += Pattern.Length)
            hash.AppendData(Pattern, 0, (int)Math.Min(Pattern.Length, length - done));
        return hash.GetHashAndReset();
    }

    public async ValueTask DisposeAsync() => await application.DisposeAsync();

    private static async Task WriteAsync(HttpContext context)
    {
        var length = long.Parse((string)context.Request.RouteValues["length"]!, CultureInfo.InvariantCulture);
        context.Response.ContentLength = length;
        for (long done = 0; done < length; done += Pattern.Length)
            await context.Response.Body.WriteAsync(Pattern.AsMemory(0, (int)Math.Min(Pattern.Length, length - done)));
    }

    private ConnectionDelegate Count(ConnectionDelegate next) => async connection =>
    {
        Interlocked.Increment(ref open);
        Interlocked.Increment(ref total);
        try
        {
            await next(connection);
        }
        finally
        {
            Interlocked.Decrement(ref open);
        }
    };

    // A prime length, so that no block size of anything under test divides it.
    private static byte[] MakePattern()
    {
        var pattern = new byte[65_521];
        new Random(1).NextBytes(pattern);
        return pattern;
    }
}
