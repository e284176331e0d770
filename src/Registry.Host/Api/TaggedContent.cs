using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Net.Http.Headers;

namespace Registry.Host.Api;

/// <summary>Content with an ETag (RFC 9110 §8.8.3): whoever has it already is answered 304.</summary>
internal sealed class TaggedContent : IResult
{
    // Names what differs; whoever could forge one would only mislead themselves.
    private const int TagBytes = 12;

    private readonly byte[] content;
    private readonly string type;
    private readonly string caching;
    private readonly EntityTagHeaderValue tag;

    /// <param name="content">What is sent.</param>
    /// <param name="type">Its media type.</param>
    /// <param name="caching">What may be kept, and for how long (RFC 9111 §5.2.2).</param>
    public TaggedContent(byte[] content, string type, string caching)
    {
        (this.content, this.type, this.caching) = (content, type, caching);
        tag = TagOf(content);
    }

    /// <summary>A body that only its caller may keep, and must ask about each time.</summary>
    public static TaggedContent Json<T>(T body) => new(JsonSerializer.SerializeToUtf8Bytes(body, ApiJson.Options), "application/json; charset=utf-8", "private, no-cache");

    /// <summary>The name of content that changes with it.</summary>
    public static EntityTagHeaderValue TagOf(byte[] content) => new($"\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, TagBytes))}\"");

    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.Headers.CacheControl = caching;
        return Results.Bytes(content, type, entityTag: tag).ExecuteAsync(httpContext);
    }
}
