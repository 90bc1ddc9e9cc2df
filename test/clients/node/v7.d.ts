import Cloudflare from 'cloudflare';
export declare const client: Cloudflare;
